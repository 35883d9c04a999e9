// SPDX-License-Identifier: Apache-2.0
// A serving certificate of our own making, for clusters whose API server does not verify nodes. It is
// kept under the node's folder, so that a restart shows the same one, and is made anew when the node's
// name or addresses are others than the certificate's, or most of its life is over.
import type { JsonGeneralName } from '@peculiar/x509'
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import path from 'node:path'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { replaceFile } from '../../util/replace-file.ts'
import { messageOf } from '../../util/vk-error.ts'
import { loadX509 } from './load-x509.ts'
import type { KeyPair, ServingCertificate } from './tls-material.ts'

const dayMs = 24 * 60 * 60_000
const lifetimeMs = 365 * dayMs
const renewBeforeMs = 73 * dayMs
const backdateMs = 5 * 60_000
const fileName = 'kubelet-self-signed.pem'
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface SelfSignedOptions {
  /** The node's folder; made when missing. The certificate lies in its `pki`. */
  readonly rootDir: string
  readonly nodeName: string
  readonly ipAddresses: readonly string[]
  readonly clock: Clock
  readonly log: Logger
}

/** A self-signed certificate that renews itself. */
export class SelfSignedCertificate implements ServingCertificate {
  readonly #options: SelfSignedOptions
  readonly #listeners = new Set<() => void>()
  #pair: KeyPair
  #timer: Disposable | undefined

  /** Reads the one that is kept, or makes one. */
  static async open(options: SelfSignedOptions): Promise<SelfSignedCertificate> {
    const kept = await readKept(options)
    return new SelfSignedCertificate(options, kept ?? (await issueAndKeep(options)))
  }

  private constructor(options: SelfSignedOptions, pair: KeyPair) {
    this.#options = options
    this.#pair = pair
    this.#schedule()
  }

  current(): KeyPair {
    return this.#pair
  }

  onChange(changed: () => void): Disposable {
    this.#listeners.add(changed)
    return { [Symbol.dispose]: () => void this.#listeners.delete(changed) }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#listeners.clear()
    this.#timer = undefined
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimer(dayMs, () => {
      void this.#renewIfDue().finally(() => {
        if (this.#timer) this.#schedule()
      })
    })
  }

  /** Never rejects. */
  async #renewIfDue(): Promise<void> {
    const { log } = this.#options
    if (isUsable(this.#pair, this.#options)) return
    try {
      this.#pair = await issueAndKeep(this.#options)
      for (const changed of this.#listeners) changed()
      log.info({}, 'Renewed the self-signed serving certificate')
    } catch (error) {
      log.error({ error: messageOf(error) }, 'Cannot renew the self-signed serving certificate')
    }
  }
}

async function readKept(options: SelfSignedOptions): Promise<KeyPair | undefined> {
  try {
    const pem = await readFile(fileOf(options), 'utf8')
    const keyStart = pem.indexOf('-----BEGIN PRIVATE KEY-----')
    const pair = { cert: pem.slice(0, keyStart), key: pem.slice(keyStart) }
    return keyStart > 0 && isUsable(pair, options) ? pair : undefined
  } catch {
    // Missing or unreadable, both cured by a new certificate; a folder that cannot be written is told then.
    return undefined
  }
}

function isUsable({ cert }: KeyPair, options: SelfSignedOptions): boolean {
  const nowMs = options.clock.nowMs()
  const certificate = new X509Certificate(cert)
  if (nowMs > Date.parse(certificate.validTo) - renewBeforeMs) return false
  if (nowMs < Date.parse(certificate.validFrom)) return false
  const names = namesOf(options)
  return (
    (certificate.subjectAltName ?? '').split(', ').length === names.length &&
    names.every(({ type, value }) =>
      type === 'ip' ? certificate.checkIP(value) : certificate.checkHost(value),
    )
  )
}

function namesOf({ ipAddresses, nodeName }: SelfSignedOptions): readonly JsonGeneralName[] {
  return [...new Set([nodeName, ...ipAddresses])].map((value) => ({
    type: isIP(value) === 0 ? 'dns' : 'ip',
    value,
  }))
}

/** Certificate and key in one file, so that a crash never leaves half a pair. */
async function issueAndKeep(options: SelfSignedOptions): Promise<KeyPair> {
  const pair = await issue(options)
  await replaceFile(fileOf(options), pair.cert + pair.key)
  return pair
}

async function issue(options: SelfSignedOptions): Promise<KeyPair> {
  const { clock, nodeName } = options
  const x509 = await loadX509()
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    name: new x509.Name([{ CN: [`system:node:${nodeName}`] }, { O: ['system:nodes'] }]),
    notBefore: new Date(clock.nowMs() - backdateMs),
    notAfter: new Date(clock.nowMs() + lifetimeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([...namesOf(options)]),
    ],
  })
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  }
}

function fileOf({ rootDir }: SelfSignedOptions): string {
  return path.join(rootDir, 'pki', fileName)
}
