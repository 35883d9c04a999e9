// SPDX-License-Identifier: Apache-2.0
// The pod's fsGroup on the files of a volume: all of them belong to the group, which may read (and, in
// a writable volume, write) them, and what is made in its directories belongs to the group as well. As
// in the kubelet, a right that we lack to change a file is no failure of the volume.
import type { Stats } from 'node:fs'
import { chmod, chown, lchown, lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../kube/types.gen.ts'
import { VkError } from '../../util/vk-error.ts'
import { canHold, heldPath, holdPlace } from './held-place.ts'

/** Whom a volume's files are to belong to, and how much is done for that. */
export interface VolumeGroup {
  readonly gid: number
  readonly isReadOnly: boolean
  /** Nothing is changed when the volume's root already is as it should be. */
  readonly onlyOnRootMismatch?: boolean
}

const writable = 0o660
const readable = 0o440
const enterable = 0o110
const setGroupId = 0o2000
/** Each level takes a descriptor; paths of ordinary use have not half as many. */
const maxDepth = 500

/** What the pod asks for; undefined when it names no group. */
export function volumeGroupOf(
  { spec }: Pod,
  { isReadOnly }: { readonly isReadOnly: boolean },
): VolumeGroup | undefined {
  const { fsGroup, fsGroupChangePolicy } = spec.securityContext ?? {}
  if (fsGroup === undefined) return undefined
  const onlyOnRootMismatch = fsGroupChangePolicy === 'OnRootMismatch'
  return { gid: fsGroup, isReadOnly, onlyOnRootMismatch }
}

/** Gives the volume to the group; its root comes last, as the mark that all is done. */
export async function applyVolumeGroup(root: string, group: VolumeGroup): Promise<void> {
  if (group.onlyOnRootMismatch === true && (await isAsItShouldBe(root, group))) return
  await (canHold ? applyHeld(root, group) : applyByName(root, group))
}

/** The mode of a file or directory of the group. */
export function modeForGroup(
  mode: number,
  { isReadOnly, isDirectory }: { readonly isReadOnly: boolean; readonly isDirectory: boolean },
): number {
  const mask = isReadOnly ? readable : writable
  return mode | mask | (isDirectory ? enterable | setGroupId : 0)
}

/** Volumes that outlive pods are in use meanwhile: no link that appears in one may lead out of it. */
async function applyHeld(path: string, group: VolumeGroup, depth = 0): Promise<void> {
  if (depth > maxDepth) throw new VkError('Invalid', 'directories lie too deep in each other')
  await using place = await holdPlace(path)
  const at = heldPath(place)
  const found = await place.stat()
  if (found.isDirectory()) {
    for (const name of await readdir(at)) {
      await unlessGone(applyHeld(heldPath(place, name), group, depth + 1))
    }
  }
  if (found.isSymbolicLink()) return await unlessForbidden(lchown(path, found.uid, group.gid))
  await unlessForbidden(chown(at, found.uid, group.gid))
  await unlessForbidden(chmod(at, modeOf(found, group)))
}

async function applyByName(path: string, group: VolumeGroup): Promise<void> {
  const found = await lstat(path)
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await unlessGone(applyByName(join(path, name), group))
  }
  await unlessForbidden(lchown(path, found.uid, group.gid))
  // A link's mode means nothing, and would be that of what it points to.
  if (found.isSymbolicLink()) return
  await unlessForbidden(chmod(path, modeOf(found, group)))
}

function modeOf(found: Stats, { isReadOnly }: VolumeGroup): number {
  return modeForGroup(found.mode & 0o7777, { isReadOnly, isDirectory: found.isDirectory() })
}

async function isAsItShouldBe(root: string, { gid, isReadOnly }: VolumeGroup): Promise<boolean> {
  const found = await stat(root)
  if (!found.isDirectory() || found.gid !== gid) return false
  const wanted = modeForGroup(0, { isReadOnly, isDirectory: true })
  return (found.mode & wanted) === wanted
}

async function unlessForbidden(change: Promise<void>): Promise<void> {
  await unlessCode(change, ['EPERM', 'EROFS', 'ENOENT'])
}

/** Files come and go in a volume that others use too. */
async function unlessGone(change: Promise<void>): Promise<void> {
  await unlessCode(change, ['ENOENT'])
}

async function unlessCode(change: Promise<void>, codes: readonly string[]): Promise<void> {
  try {
    await change
  } catch (error) {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
