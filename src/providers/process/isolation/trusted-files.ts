// SPDX-License-Identifier: Apache-2.0
// Files that run inside a sandbox with root's rights, before these are given up. A pod that could put its own
// in their place, by a volume, would be root: such mounts are refused. Roots are read-only, so that what holds
// at the start holds for every command that is run in the container later.
import { spawnSync } from 'node:child_process'
import type { HostTools } from '../host-tools.ts'
import type { FileTree } from './file-tree.ts'
import type { RootBuilder } from './root-builder.ts'
import { RootError } from './root-builder.ts'

/** Read by the loader before any program starts, where they are there. */
const loaderFiles = ['/etc/ld.so.preload', '/etc/ld.so.cache']
const libraryDirs = ['/lib', '/lib64', '/usr/lib', '/usr/lib64']

/** The programs, their loader and libraries; whole directories where these cannot be told. */
export function findTrustedFiles({ setsid, setpriv }: HostTools): readonly string[] {
  const programs = [setsid, setpriv].filter((path) => path !== undefined)
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

/** Throws a RootError when the container would find one of them otherwise than the host does. */
export function checkTrusted(
  builder: RootBuilder,
  { files, tree }: { readonly files: readonly string[]; readonly tree: FileTree },
): void {
  for (const file of files) {
    if (builder.find(file)?.hostPath === tree.real(file)) continue
    throw new RootError(`it would take the place of "${file}", which starts containers`)
  }
}
