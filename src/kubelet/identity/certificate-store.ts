// SPDX-License-Identifier: Apache-2.0
// A node's certificate with its key, and the key of a request that is still open, as files in the
// node's `pki` folder. Each file is replaced as one, so that a crash never leaves half a pair, and a
// restart goes on with the request that it finds.
import { X509Certificate } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { createSecureContext } from 'node:tls'
import { replaceFile } from '../../util/replace-file.ts'
import type { KeyPair } from '../tls/tls-material.ts'
import { makeKey } from './node-key.ts'

/** Files of one sort of certificate. */
export class CertificateStore {
  /** Certificate and key, where there are any. */
  readonly currentPath: string
  readonly #pendingPath: string

  /** `name` is that of the files, such as `kubelet-client`. */
  constructor(folder: string, name: string) {
    this.currentPath = path.join(folder, `${name}-current.pem`)
    this.#pendingPath = path.join(folder, `${name}-pending-key.pem`)
  }

  /** The kept pair; undefined when there is none, it is damaged, or it is past its time. */
  async current(nowMs: number): Promise<KeyPair | undefined> {
    const pair = pairOf((await readIfThere(this.currentPath)) ?? '')
    return pair && isPair(pair) && expiryOf(pair) > nowMs ? pair : undefined
  }

  /** The key of the open request; makes one when there is none. */
  async pendingKey(): Promise<string> {
    const kept = await readIfThere(this.#pendingPath)
    if (kept !== undefined && isKey(kept)) return kept
    const key = await makeKey()
    await replaceFile(this.#pendingPath, key)
    return key
  }

  /** Keeps a pair in place of the one before; the open request is thereby done. */
  async keep(pair: KeyPair): Promise<void> {
    await replaceFile(this.currentPath, pair.cert + pair.key)
    await this.dropPendingKey()
  }

  /** The next request is one with another key. */
  async dropPendingKey(): Promise<void> {
    await rm(this.#pendingPath, { force: true })
  }
}

function pairOf(pem: string): KeyPair | undefined {
  const keyStart = pem.search(/-----BEGIN (?:EC )?PRIVATE KEY-----/)
  return keyStart > 0 ? { cert: pem.slice(0, keyStart), key: pem.slice(keyStart) } : undefined
}

function isPair({ cert, key }: KeyPair): boolean {
  return isKey(key, cert)
}

function isKey(key: string, cert?: string): boolean {
  try {
    createSecureContext({ key, ...(cert !== undefined && { cert }) })
    return true
  } catch {
    // Cut short or written over by something else: as good as missing.
    return false
  }
}

function expiryOf({ cert }: KeyPair): number {
  return new X509Certificate(cert).validToDate.getTime()
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
