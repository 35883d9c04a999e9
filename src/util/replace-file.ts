// SPDX-License-Identifier: Apache-2.0
// Writes a file whole or not at all: whoever reads it, and a machine that loses power, sees the old content
// or the new.
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces `file`, which by default only its owner may read; folders that are missing are made. */
export async function replaceFile(
  file: string,
  text: string,
  { mode = 0o600 }: { readonly mode?: number } = {},
): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeWhole(temporary, { text, mode })
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {
      // The first failure tells more.
    })
    throw error
  }
}

async function writeWhole(
  file: string,
  { text, mode }: { readonly text: string; readonly mode: number },
): Promise<void> {
  await using handle = await open(file, 'wx', mode)
  await handle.writeFile(text)
  await handle.sync()
}
