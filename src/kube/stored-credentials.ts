// SPDX-License-Identifier: Apache-2.0
// Credentials that lie in files or in the kubeconfig itself. Files are looked at again once a minute
// and after a 401, as service account tokens and kubelet certificates are rewritten under us.
import { readFile } from 'node:fs/promises'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError, messageOf } from '../util/vk-error.ts'
import { isSameIdentity } from './credentials.ts'
import type { Credentials, Identity } from './credentials.ts'
import { checkKeyPair } from './pem.ts'

/** A value itself, or the file that holds it. */
export type Stored = { readonly value: string } | { readonly file: string }

export interface StoredCredentialsOptions {
  readonly token?: Stored
  readonly certificate?: { readonly certificatePem: Stored; readonly keyPem: Stored }
  readonly clock: Clock
  readonly log: Logger
}

const recheckMs = 60_000

/** Credentials out of files; call `load` once before use. */
export class StoredCredentials implements Credentials {
  readonly #options: StoredCredentialsOptions
  readonly #hasFiles: boolean
  #identity: Identity = {}
  #readMs = 0
  #reading: Promise<Identity> | undefined

  constructor(options: StoredCredentialsOptions) {
    const { token, certificate } = options
    this.#options = options
    const parts = [token, certificate?.certificatePem, certificate?.keyPem]
    this.#hasFiles = parts.some((part) => part !== undefined && 'file' in part)
  }

  /** Reads the files for the first time; throws a UserError when they cannot be read. */
  async load(): Promise<Identity> {
    this.#identity = await this.#read()
    this.#readMs = this.#options.clock.monotonicMs()
    return this.#identity
  }

  identity(): Identity | Promise<Identity> {
    if (!this.#hasFiles) return this.#identity
    const ageMs = this.#options.clock.monotonicMs() - this.#readMs
    return ageMs < recheckMs ? this.#identity : this.#readAgain()
  }

  async renew(refused: Identity): Promise<boolean> {
    if (this.#hasFiles && this.#identity === refused) await this.#readAgain()
    return this.#identity !== refused
  }

  #readAgain(): Promise<Identity> {
    this.#reading ??= this.#refresh()
    return this.#reading
  }

  // A file that is just being replaced, or cut short by a full disk, must not end everything: the
  // old identity stays until a readable one is there.
  async #refresh(): Promise<Identity> {
    const { clock, log } = this.#options
    try {
      const identity = await this.#read()
      if (!isSameIdentity(identity, this.#identity)) {
        // Certificate and key are two files: between the two writes they do not fit.
        if (identity.certificate) checkKeyPair(identity.certificate, 'the kubeconfig')
        this.#identity = identity
      }
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'Credentials could not be read; the old ones stay')
    }
    this.#readMs = clock.monotonicMs()
    this.#reading = undefined
    return this.#identity
  }

  async #read(): Promise<Identity> {
    const { token, certificate } = this.#options
    return {
      ...(token && { token: (await valueOf(token)).trim() }),
      ...(certificate && {
        certificate: {
          certificatePem: await valueOf(certificate.certificatePem),
          keyPem: await valueOf(certificate.keyPem),
        },
      }),
    }
  }
}

async function valueOf(stored: Stored): Promise<string> {
  if ('value' in stored) return stored.value
  const { file } = stored
  let value: string
  try {
    value = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserError(`Cannot read credentials from "${file}": ${code ?? 'unknown error'}`, {
      hint: 'the kubeconfig names this file; check that it exists and may be read',
    })
  }
  if (value.trim() !== '') return value
  throw new UserError(`Cannot read credentials from "${file}": the file is empty`)
}
