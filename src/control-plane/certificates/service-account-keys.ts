// SPDX-License-Identifier: Apache-2.0
// The keys that sign service account tokens. The newest signs; those before it still verify, so that
// rotation invalidates no token that is in use. Of a retired key only the public half is kept.
import type { KeyObject } from 'node:crypto'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import path from 'node:path'
import { VkError } from '../../util/vk-error.ts'
import { pemBlocks, readKeyFile, writeKeyFile } from './key-files.ts'

const fileName = 'service-account-keys.pem'

/** A public key, named as tokens name it in their `kid`. */
export interface VerificationKey {
  readonly id: string
  readonly key: KeyObject
}

/** A JSON Web Key Set, as `/openid/v1/jwks` shows it. */
export interface KeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
}

/** One key that signs and all that verify. ECDSA P-256: tokens are signed as ES256. */
export class ServiceAccountKeys {
  readonly #file: string | undefined
  #signing: KeyObject
  /** Newest first. */
  #verifying: readonly VerificationKey[]

  /** Reads the keys that are kept in a folder, or makes the first; without a folder nothing is kept. */
  static async open(folder: string | undefined): Promise<ServiceAccountKeys> {
    const file = folder === undefined ? undefined : path.join(folder, fileName)
    const text = file === undefined ? undefined : await readKeyFile(file)
    if (text === undefined) {
      const keys = new ServiceAccountKeys(file, newKey(), [])
      await keys.#keep()
      return keys
    }
    const [signing] = pemBlocks(text, 'PRIVATE KEY')
    if (signing === undefined) {
      throw new VkError('Invalid', `Cannot read the service account keys: "${file}" is incomplete`)
    }
    const retired = pemBlocks(text, 'PUBLIC KEY').map((pem) => createPublicKey(pem))
    return new ServiceAccountKeys(file, createPrivateKey(signing), retired)
  }

  private constructor(file: string | undefined, signing: KeyObject, retired: readonly KeyObject[]) {
    this.#file = file
    this.#signing = signing
    this.#verifying = [createPublicKey(signing), ...retired].map(named)
  }

  /** The private key that signs, with its name. */
  get signing(): VerificationKey {
    return { id: this.#newest.id, key: this.#signing }
  }

  /** The public key of this name, if tokens that it signed are still accepted. */
  verifying(id: string): KeyObject | undefined {
    return this.#verifying.find((one) => one.id === id)?.key
  }

  /** Signs with a new key from now on. `keep` older ones (default 2) still verify. */
  async rotate({ keep = 2 }: { readonly keep?: number } = {}): Promise<void> {
    this.#signing = newKey()
    const newest = named(createPublicKey(this.#signing))
    this.#verifying = [newest, ...this.#verifying.slice(0, keep)]
    await this.#keep()
  }

  /** The public keys, for those who verify tokens themselves. */
  jwks(): KeySet {
    return {
      keys: this.#verifying.map(({ id, key }) => ({
        use: 'sig',
        kid: id,
        alg: 'ES256',
        ...key.export({ format: 'jwk' }),
      })),
    }
  }

  get #newest(): VerificationKey {
    const [newest] = this.#verifying
    if (!newest) throw new Error('Cannot sign a token: there is no key')
    return newest
  }

  async #keep(): Promise<void> {
    if (this.#file === undefined) return
    const retired = this.#verifying.slice(1)
    const blocks = [
      this.#signing.export({ type: 'pkcs8', format: 'pem' }),
      ...retired.map(({ key }) => key.export({ type: 'spki', format: 'pem' })),
    ]
    await writeKeyFile(this.#file, blocks.join(''))
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** The name is the hash of the key, as Kubernetes makes it. */
function named(key: KeyObject): VerificationKey {
  const der = key.export({ type: 'spki', format: 'der' })
  return { id: createHash('sha256').update(der).digest('base64url'), key }
}
