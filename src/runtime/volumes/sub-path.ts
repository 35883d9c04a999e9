// SPDX-License-Identifier: Apache-2.0
// subPath: one path inside a volume, which never leads out of it, whatever links containers have put
// there. Links are followed first and their end must lie in the volume; then the way to that end is
// walked from the volume's root without following any, each directory opened from the one before it.
//
// On Linux a directory is entered through /proc/self/fd, which is what openat does. What remains is the
// time between this walk and the use of the path: a container of the pod that runs meanwhile can exchange
// a directory for a link, and Node.js has no call that mounts what a descriptor holds. A runtime that
// mounts should therefore look again at what it has mounted; one that only names the path to the
// container gives it nothing that the container could not have named itself.
import { constants, lstat, mkdir, open, readlink, realpath, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { isPathWithin } from '../../util/path-within.ts'
import { canHold, heldPath, holdPlace } from './held-place.ts'

/** What a subPath came to. */
export interface FoundSubPath {
  /** Free of links. */
  readonly hostPath: string
  readonly isDirectory: boolean
}

const notThere = 'the volume has no such path'
const leadsOut = 'it leads out of the volume, or nowhere'

/** What is wrong with a path; the message says nothing of what is outside of the volume. */
export class SubPathError extends Error {}

/**
 * Finds the path in the volume at `root`, making it a directory with the root's mode when it is missing
 * and `isReadOnly` does not forbid that. Rejects with SubPathError when it leads out.
 */
export async function resolveSubPath(
  root: string,
  { subPath, isReadOnly }: { readonly subPath: string; readonly isReadOnly: boolean },
): Promise<FoundSubPath> {
  const base = await realpath(root)
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw new SubPathError('it contains ".."')
  const real = await followInside(base, parts, { isReadOnly })
  await using place = await openInside(base, real)
  return { hostPath: real, isDirectory: place.isDirectory }
}

/** Follows links, and makes what is missing below the last directory that is there. */
async function followInside(
  base: string,
  parts: readonly string[],
  { isReadOnly }: { readonly isReadOnly: boolean },
): Promise<string> {
  let real = base
  for (const part of parts) {
    const next = join(real, part)
    const found = await endOf(next)
    if (found !== undefined) {
      if (!isPathWithin(found, base)) throw new SubPathError(leadsOut)
      real = found
      continue
    }
    if (isReadOnly) throw new SubPathError(notThere)
    await makeDirectory(base, real, part)
    real = next
  }
  return real
}

/** Where the path leads; undefined when nothing is there. */
async function endOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (cause) {
    // The same as of a link that leads to something: what is out there is not told.
    if (await isLink(path)) throw new SubPathError(leadsOut, { cause })
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    const why = code === 'ENOTDIR' ? notThere : 'it cannot be followed'
    throw new SubPathError(why, { cause })
  }
}

async function isLink(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isSymbolicLink() === true
}

/** Fails on a link that leads nowhere: nothing is made at its end. */
async function makeDirectory(base: string, parent: string, name: string): Promise<void> {
  const { mode } = await stat(base)
  await using place = await openInside(base, parent)
  try {
    await mkdir(place.below(name), { mode: 0o700 })
    await using made = await open(place.below(name), constants.O_DIRECTORY | constants.O_NOFOLLOW)
    // Set-group-id comes from the directory above; the rest explicitly, because of our umask.
    const { mode: given } = await made.stat()
    await made.chmod((mode & 0o777) | (given & 0o7000))
  } catch (error) {
    throw new SubPathError('it cannot be made', { cause: error })
  }
}

/** A place in the volume that was reached without following links. */
interface Place extends AsyncDisposable {
  readonly isDirectory: boolean
  /** Path by which an entry of it is reached, without going by its name again. */
  below(name: string): string
}

/** Walks from the volume's root; rejects when a link has appeared on the way. */
async function openInside(base: string, real: string): Promise<Place> {
  const way = relative(base, real)
    .split(sep)
    .filter((part) => part !== '')
  if (!canHold) return await walkByName(base, way)
  let current = await openPath(base)
  try {
    for (const part of way) {
      const next = await openPath(heldPath(current, part))
      await current.close()
      current = next
    }
    const found = await current.stat()
    if (found.isSymbolicLink()) throw new SubPathError('a link has appeared in it')
    if ((await readlink(heldPath(current))) !== real) {
      throw new SubPathError('it has been moved')
    }
    const place = current
    return {
      isDirectory: found.isDirectory(),
      below: (name) => heldPath(place, name),
      [Symbol.asyncDispose]: () => place.close(),
    }
  } catch (error) {
    await current.close()
    throw error
  }
}

async function openPath(path: string): Promise<FileHandle> {
  try {
    return await holdPlace(path)
  } catch (error) {
    throw new SubPathError('it has changed meanwhile', { cause: error })
  }
}

async function walkByName(base: string, way: readonly string[]): Promise<Place> {
  let path = base
  for (const part of way) {
    path = join(path, part)
    const found = await lstat(path)
    if (found.isSymbolicLink()) throw new SubPathError('a link has appeared in it')
  }
  return {
    isDirectory: (await lstat(path)).isDirectory(),
    below: (name) => join(path, name),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
