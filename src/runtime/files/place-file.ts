// SPDX-License-Identifier: Apache-2.0
// A small file that containers find, replaced as a whole: those that run keep the one they have.
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError } from '../disk.ts'

/** Makes the file hold this text, readable by all; false when it already did. */
export async function placeFile(path: string, text: string): Promise<boolean> {
  try {
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    const temporary = `${path}.tmp`
    await writeFile(temporary, text)
    // Explicitly, because the mode given at creation is cut by our umask.
    await chmod(temporary, 0o644)
    await rename(temporary, path)
    return true
  } catch (error) {
    throw diskError('write a file of the pod', error)
  }
}
