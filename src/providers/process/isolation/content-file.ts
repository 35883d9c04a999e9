// SPDX-License-Identifier: Apache-2.0
// Files that are named after what is in them, and so are made once for all.
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Path of the file in `dir` with these bytes, which is made where it is not there. */
export function ensureFile(dir: string, bytes: Buffer, mode: number): string {
  const path = join(dir, createHash('sha256').update(bytes).digest('hex').slice(0, 40))
  if (existsSync(path)) return path
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  // Flushed: after a loss of power an empty file would have its name for good.
  writeFileSync(temporary, bytes, { flush: true })
  // Explicitly, because our umask cuts a mode that is given at creation, and whoever a container runs as starts it.
  chmodSync(temporary, mode)
  renameSync(temporary, path)
  return path
}
