// SPDX-License-Identifier: Apache-2.0
// The files below one folder, for reading only, and nothing that lies outside of it: a link is followed
// only as long as it leads to a place below the folder, and what is opened is looked at once more when
// it is open. Pipes, devices and sockets are not there.
import { constants } from 'node:fs'
import { open, readdir, readlink, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { isPathWithin } from '../../util/path-within.ts'
import { VkError } from '../../util/vk-error.ts'

export type LogEntry =
  /** The handle is the caller's to close. */
  | { readonly kind: 'file'; readonly handle: FileHandle; readonly sizeBytes: number }
  /** Names; those of folders end with a slash. */
  | { readonly kind: 'folder'; readonly names: readonly string[] }

/** Opens what `relative` names below `folder`; rejects with NotFound for all that is not to be read. */
export async function openBelow(folder: string, relative: string): Promise<LogEntry> {
  const notFound = new VkError('NotFound', `Cannot read "${relative}": there is no such log`)
  if (relative.includes('\0')) throw notFound
  try {
    const root = await realpath(folder)
    const target = await realpath(path.join(root, path.posix.join('/', relative)))
    if (!isPathWithin(target, root)) throw notFound
    return await openEntry(root, target, notFound)
  } catch (error) {
    if (error === notFound || isMissing(error)) throw notFound
    throw error
  }
}

async function openEntry(root: string, target: string, notFound: VkError): Promise<LogEntry> {
  // A pipe without a writer must not hold us up, and a link put there meanwhile is no file of ours.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
  const handle = await open(target, flags)
  try {
    const stats = await handle.stat()
    if (!isPathWithin(await placeOf(handle, target), root)) throw notFound
    if (stats.isFile()) return { kind: 'file', handle, sizeBytes: stats.size }
    if (!stats.isDirectory()) throw notFound
    const entries = await readdir(target, { withFileTypes: true })
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    await handle.close()
    return { kind: 'folder', names: names.toSorted((one, other) => (one < other ? -1 : 1)) }
  } catch (error) {
    await handle.close().catch(() => {
      // Closed already, or beyond closing; the first error is the one to tell.
    })
    throw error
  }
}

/** Where an open file really is; where the system does not say, the path that was opened. */
async function placeOf(handle: FileHandle, target: string): Promise<string> {
  if (process.platform !== 'linux') return target
  return await readlink(`/proc/self/fd/${handle.fd}`)
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'].includes(code)
}
