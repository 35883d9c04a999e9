// SPDX-License-Identifier: Apache-2.0
// Where in a container's root nothing can be mounted, and why: what every container has of its own, what
// starts it, and what others can change meanwhile. Asked by `explain` and before each start.
import { posix } from 'node:path'
import type { RootBuilder } from './root-builder.ts'
import { RootError } from './root-builder.ts'
import type { DirNode } from './root-node.ts'
import { checkTrusted } from './trusted-files.ts'

/** Something to be mounted. */
export interface MountPoint {
  readonly mountPath: string
  readonly node: DirNode
  readonly isDirectory: boolean
}

const systemDirs = ['/dev', '/proc', '/sys']
/** What bwrap itself makes in /dev, and mounts cannot lie over. */
const fixedDevices = ['fd', 'stdin', 'stdout', 'stderr', 'core', 'ptmx', 'pts']
const deviceFiles = ['null', 'zero', 'full', 'random', 'urandom', 'tty']

/**
 * Puts a mount into a root that holds all outer ones. Throws a RootError where it cannot be; `trusted` must
 * stay where it is, see trusted-files.ts.
 */
export function placeMount(
  builder: RootBuilder,
  { mountPath, node, isDirectory }: MountPoint,
  trusted: readonly string[],
): void {
  // bwrap reads its words from a file in which zeros part them.
  if (mountPath.includes('\0')) throw new RootError('it holds a character that no path can')
  checkSystem(builder, builder.locate(mountPath), isDirectory)
  const path = builder.put(mountPath, node)
  if (builder.isWithinShared(path)) {
    throw new RootError('it lies in a volume that others can write to')
  }
  checkTrusted(builder, path, trusted)
}

function checkSystem(builder: RootBuilder, path: string, isDirectory: boolean): void {
  if (path === '/') throw new RootError('it would take the place of everything')
  for (const dir of systemDirs) {
    if (path === builder.locate(dir)) {
      throw new RootError(
        `it would take the place of "${dir}", which each container has of its own`,
      )
    }
  }
  if (path.startsWith(`${builder.locate('/proc')}/`)) throw new RootError('it is inside of /proc')
  const [name = '', ...below] = posix.relative(builder.locate('/dev'), path).split('/')
  const isFixed = fixedDevices.includes(name)
  if (isFixed || (deviceFiles.includes(name) && (isDirectory || below.length > 0))) {
    throw new RootError(`it would take the place of "/dev/${name}", which each container has`)
  }
}
