// SPDX-License-Identifier: Apache-2.0
// Replaces a file so that a reader, and a machine that loses power, sees the old or the new content.
import { open, rename, rm } from 'node:fs/promises'

/** Writes beside the file, syncs, renames over it. What was begun is removed when it fails. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await using file = await open(temporary, 'w', 0o600)
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {
      // The first failure tells more; the next write replaces the leftover.
    })
    throw error
  }
  await rename(temporary, path)
}
