// SPDX-License-Identifier: Apache-2.0
// With whose credentials the images of this node were pulled. One that took credentials is for pods that have
// them too: another pod finds it absent, as it would on a machine of its own. Hashes are kept, no secrets.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { RegistryCredential } from '../../../provider/provider.ts'
import { diskError, ifMissing } from '../../../runtime/disk.ts'
import { replaceFile } from '../../../util/replace-file.ts'

/** Hashes of credentials by image id; empty for one that anybody may pull. */
type Records = Record<string, readonly string[]>

/** The records of one node. */
export class PullRecords {
  readonly #path: string
  readonly #records: Records
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, records: Records) {
    this.#path = path
    this.#records = records
  }

  static async open(path: string): Promise<PullRecords> {
    const text = await readFile(path, 'utf8').catch(ifMissing(() => '{}'))
    return new PullRecords(path, parse(text))
  }

  /** Did this node pull it? */
  has(imageId: string): boolean {
    return Object.hasOwn(this.#records, imageId)
  }

  /** May a pod with these credentials use the image without asking its registry? */
  isFree(imageId: string, credentials: readonly RegistryCredential[]): boolean {
    const hashes = this.#records[imageId]
    // An image that was there before us is for everybody.
    if (hashes === undefined || hashes.length === 0) return true
    return credentials.some((credential) => hashes.includes(hashOf(credential)))
  }

  /** Notes a pull; on the disk when it resolves. */
  async note(imageId: string, credential: RegistryCredential | undefined): Promise<void> {
    const before = this.#records[imageId]
    const isForAll = credential === undefined || before?.length === 0
    const next = isForAll ? [] : [...new Set([...(before ?? []), hashOf(credential)])]
    if (JSON.stringify(before) === JSON.stringify(next)) return
    this.#records[imageId] = next
    await this.#save()
  }

  /** The images are gone. */
  async forget(imageIds: readonly string[]): Promise<void> {
    const known = imageIds.filter((id) => this.#records[id] !== undefined)
    if (known.length === 0) return
    for (const id of known) delete this.#records[id]
    await this.#save()
  }

  async #save(): Promise<void> {
    const write = async (): Promise<void> => {
      try {
        await replaceFile(this.#path, JSON.stringify(this.#records))
      } catch (error) {
        throw diskError('note whose credentials pulled an image', error)
      }
    }
    const written = this.#writing.then(write, write)
    this.#writing = written.catch(() => {
      // Whoever noted it hears of it.
    })
    await written
  }
}

function hashOf({ registry, username, password, identityToken = '' }: RegistryCredential): string {
  const text = JSON.stringify([registry, username, password, identityToken])
  return createHash('sha256').update(text).digest('hex')
}

function parse(text: string): Records {
  try {
    return JSON.parse(text) as Records
  } catch {
    // Written atomically, so somebody else's hand was in it: images are pulled again where it matters.
    return {}
  }
}
