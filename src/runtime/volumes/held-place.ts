// SPDX-License-Identifier: Apache-2.0
// A place in a tree that others may change at the same time, held by a descriptor: names on the way to it, and
// what they lead to, can be exchanged without it becoming another. What openat is for, which Node.js lacks.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** O_PATH, which Node.js does not name: a place in the tree, whatever kind of file is there. */
const placeOnly = 0o10000000

/** Can places be held on this system? */
export const canHold: boolean = process.platform === 'linux'

/** Opens what is at the path itself: a link is held as the link, and nothing lies below it. */
export async function holdPlace(path: string): Promise<FileHandle> {
  return await open(path, placeOnly | constants.O_NOFOLLOW)
}

/** A path to the place, or to an entry of it, that does not go by its name again. */
export function heldPath({ fd }: FileHandle, name?: string): string {
  return name === undefined ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`
}
