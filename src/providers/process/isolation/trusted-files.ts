// SPDX-License-Identifier: Apache-2.0
// Files that run inside a sandbox with root's rights, before these are given up. A pod that could put its own
// in their place, by a volume, would be root: such mounts are refused. Roots are read-only, so that what holds
// at the start holds for every command that is run in the container later.
import { spawnSync } from 'node:child_process'
import type { HostTools } from '../host-tools.ts'
import type { RootBuilder } from './root-builder.ts'
import { RootError } from './root-builder.ts'

/** Where containers find the kit; see tool-kit.ts. */
export const kitDir = '/.virtual-kubelet'

/** Read by the loader before any program starts, where they are there. */
const loaderFiles = ['/etc/ld.so.preload', '/etc/ld.so.cache']
const libraryDirs = ['/lib', '/lib64', '/usr/lib', '/usr/lib64']

/** The programs, their loader and libraries; whole directories where these cannot be told. */
export function findTrustedFiles({ setsid, setpriv, nsenter }: HostTools): readonly string[] {
  const programs = [setsid, setpriv, nsenter].filter((path) => path !== undefined)
  const { stdout, status } = spawnSync('ldd', programs, {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    encoding: 'utf8',
    timeout: 5000,
  })
  const libraries = status === 0 ? parseLibraries(stdout) : []
  return [...programs, ...loaderFiles, ...(libraries.length > 0 ? libraries : libraryDirs)]
}

/** Absolute paths in the output of ldd. */
export function parseLibraries(text: string): readonly string[] {
  const paths = [...text.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)]
  return [...new Set(paths.map(([, path = '']) => path))]
}

/** In a root that is not the host's: the whole kit, and what its loader reads. */
export const trustedInImage: readonly string[] = [kitDir, `${kitDir}/lib`, '/etc/ld.so.preload']

/** What the container finds at each of these paths before anything of the pod is mounted. */
export function trustedPlaces(
  builder: RootBuilder,
  files: readonly string[],
): ReadonlyMap<string, string | undefined> {
  return new Map(files.map((file) => [file, placeOf(builder, file)]))
}

/** Throws a RootError when the container would find one of them elsewhere by now. */
export function checkTrusted(
  builder: RootBuilder,
  places: ReadonlyMap<string, string | undefined>,
): void {
  for (const [file, place] of places) {
    if (placeOf(builder, file) === place) continue
    throw new RootError(`it would take the place of "${file}", which starts containers`)
  }
}

function placeOf(builder: RootBuilder, file: string): string | undefined {
  const found = builder.find(file)
  return found && (found.hostPath ?? `made:${found.path}`)
}
