// SPDX-License-Identifier: Apache-2.0
// Hands bytes to a child through a descriptor: a file without a name, in memory where the host has
// such a place. Secrets so appear neither on a command line nor on a disk, the child has them all even
// when we die at once, and a crash leaves nothing behind.
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const memoryDir = '/dev/shm'
// O_TMPFILE | O_RDWR of Linux; Node has no name for it.
const nameless = 0o20_200_002

/** A descriptor, open for reading at the first byte of `content`. The caller closes it. */
export function openNamelessFile(content: string | Uint8Array): number {
  const bytes = Buffer.from(content)
  const descriptor = openNameless()
  try {
    // Writing at a position leaves the offset, which the child inherits, at the start.
    for (let at = 0; at < bytes.length;) {
      at += writeSync(descriptor, bytes, at, bytes.length - at, at)
    }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return descriptor
}

function openNameless(): number {
  try {
    if (process.platform === 'linux') return openSync(memoryDir, nameless, 0o600)
  } catch {
    // No such place, or a file system that cannot do it: a file that loses its name at once will do.
  }
  const path = join(tmpdir(), `vk-${randomBytes(16).toString('hex')}`)
  const descriptor = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  return descriptor
}
