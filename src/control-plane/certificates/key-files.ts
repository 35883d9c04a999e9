// SPDX-License-Identifier: Apache-2.0
// Keys and certificates on disk. A file holds everything that belongs together and is replaced as one,
// so that a crash leaves the old state or the new one, never a certificate without its key.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The text of a file, or undefined when there is none; other failures throw. */
export async function readKeyFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Replaces a file, readable by its owner only; on disk when this resolves. Makes its folder. */
export async function writeKeyFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  {
    await using handle = await open(temporary, 'wx', 0o600)
    await handle.writeFile(text)
    await handle.sync()
  }
  await rename(temporary, file)
  await using folder = await open(dirname(file), 'r')
  await folder.sync()
}

/** The PEM blocks of a text with this label (`CERTIFICATE`, `PRIVATE KEY`), in their order. */
export function pemBlocks(text: string, label: string): readonly string[] {
  const block = new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')
  return [...text.matchAll(block)].map(([pem]) => `${pem}\n`)
}
