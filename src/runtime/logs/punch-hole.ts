// SPDX-License-Identifier: Apache-2.0
// Gives the disk space of a file's beginning back while somebody appends to it. Node cannot do that
// itself; fallocate of util-linux can, on every usual Linux file system.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Frees the first `bytes` of the file; its size and what follows stay. Rejects where it cannot be done. */
export async function punchHole(path: string, bytes: number): Promise<void> {
  if (bytes <= 0) return
  const args = ['--punch-hole', '--keep-size', '--offset', '0', '--length', String(bytes), path]
  await run('fallocate', args, { timeout: 30_000 })
}
