// SPDX-License-Identifier: Apache-2.0
// Files that run inside a sandbox with root's rights, before these are given up. A pod that could put its own
// in their place, by a volume, would be root: such mounts are refused. Roots are read-only, so that what holds
// at the start holds for every command that is run in the container later.
import { dirname, join } from 'node:path'
import { isPathWithin } from '../../../util/path-within.ts'
import type { HostTools } from '../host-tools.ts'
import type { RootBuilder } from './root-builder.ts'
import { RootError } from './root-builder.ts'
import { tryTool } from '../try-tool.ts'

/** Where containers find the kit, see tool-kit.ts, and what puts a filter on them. */
export const kitDir = '/.virtual-kubelet'

/** Read by the loaders of glibc, NixOS and musl before any program starts, where they are there. */
const loaderFiles = [
  '/etc/ld.so.preload',
  '/etc/ld.so.cache',
  '/etc/ld-nix.so.preload',
  '/etc/ld-musl-x86_64.path',
  '/etc/ld-musl-aarch64.path',
]
const libraryDirs = ['/lib', '/lib64', '/usr/lib', '/usr/lib64']

/** The programs, their loader and libraries; whole directories where these cannot be told. */
export function findTrustedFiles({ setsid, setpriv, nsenter }: HostTools): readonly string[] {
  const programs = [setsid, setpriv, nsenter].filter((path) => path !== undefined)
  const { stdout, status } = tryTool('ldd', programs, {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  })
  const libraries = status === 0 ? parseLibraries(stdout) : []
  if (libraries.length === 0) return [kitDir, ...programs, ...loaderFiles, ...libraryDirs]
  // Where there is no cache, those for this very processor are looked for first.
  const preferred = new Set(libraries.map((path) => join(dirname(path), 'glibc-hwcaps')))
  return [kitDir, ...programs, ...loaderFiles, ...libraries, ...preferred]
}

/** Absolute paths in the output of ldd. */
export function parseLibraries(text: string): readonly string[] {
  const paths = [...text.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)]
  return [...new Set(paths.map(([, path = '']) => path))]
}

/** In a root that is not the host's: the whole kit, and what its loader reads. */
export const trustedInImage: readonly string[] = [kitDir, ...loaderFiles]

/**
 * What must stay in place in a container's root, of the host's `trusted` or of the kit. For an ordinary user's
 * virtual-kubelet nothing runs with other rights than the container's: only what it cannot start without
 * counts, and not what a loader reads.
 */
export function trustedFor({
  isRoot,
  trusted,
  image,
}: {
  readonly isRoot: boolean
  readonly trusted: readonly string[]
  readonly image: unknown
}): readonly string[] {
  const files = image === 'host' ? trusted : trustedInImage
  return isRoot ? files : files.filter((file) => !loaderFiles.includes(file))
}

/**
 * Throws a RootError where something that lies at `path`, free of links, is or can come to be in the place of
 * one of these files: it is over it, or over a directory or a link on the way to it, or below it. A file that
 * is not there counts too: who can make it has it.
 */
export function checkTrusted(
  builder: Pick<RootBuilder, 'locate'>,
  path: string,
  files: readonly string[],
): void {
  for (const file of files) {
    if (!isPathWithin(path, builder.locate(file)) && !isOnTheWay(builder, path, file)) continue
    throw new RootError(`it would take the place of "${file}", which starts containers`)
  }
}

function isOnTheWay(builder: Pick<RootBuilder, 'locate'>, path: string, file: string): boolean {
  for (let at = file; at !== '/'; at = dirname(at)) {
    if (isPathWithin(builder.locate(at), path)) return true
  }
  return false
}
