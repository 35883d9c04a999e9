// SPDX-License-Identifier: Apache-2.0
// Reads a small text that a container has left in a volume. Containers own the volume: whatever they put
// there, nothing outside of it is read, and nothing is waited for.
import { constants } from 'node:fs'
import { open, readlink } from 'node:fs/promises'
import { VkError } from '../../util/vk-error.ts'
import { resolveSubPath } from './sub-path.ts'

const maxBytes = 1024 * 1024

/** The text of the file at `path` in the volume at `root`. */
export async function readVolumeFile(root: string, path: string): Promise<string> {
  const { hostPath } = await resolveSubPath(root, { subPath: path, isReadOnly: true })
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  await using file = await open(hostPath, flags)
  const found = await file.stat()
  if (!found.isFile()) throw refused('it is no regular file')
  if (found.size > maxBytes) throw refused(`it is larger than ${maxBytes} bytes`)
  if (process.platform === 'linux' && (await readlink(`/proc/self/fd/${file.fd}`)) !== hostPath) {
    throw refused('it has been moved')
  }
  // No more than there was: it may be written to meanwhile.
  const { buffer, bytesRead } = await file.read(Buffer.alloc(found.size), 0, found.size, 0)
  return buffer.toString('utf8', 0, bytesRead)
}

function refused(why: string): VkError {
  return new VkError('Invalid', `Cannot read the file: ${why}`)
}
