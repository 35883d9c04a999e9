// SPDX-License-Identifier: Apache-2.0
// Removes directories that containers wrote to. They may have taken the rights away from directories of
// their own, which stops everybody but root.
import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes it with all below; nothing there is fine. Nobody may be writing there any more. */
export async function removeTree(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    await openDirs(dir)
    await rm(dir, { recursive: true, force: true })
  }
}

async function openDirs(dir: string): Promise<void> {
  // Links are not followed: what they lead to is not the container's.
  if (!(await lstat(dir)).isDirectory()) return
  await chmod(dir, 0o700)
  const entries = await readdir(dir, { withFileTypes: true })
  await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map(({ name }) => openDirs(join(dir, name))),
  )
}
