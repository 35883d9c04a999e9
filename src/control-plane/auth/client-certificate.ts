// SPDX-License-Identifier: Apache-2.0
// Client certificates as users: the common name is the user, the organisations are its groups. Checked
// here and not left to TLS, so that a resumed session, whose handshake verifies nothing, is no way in.
import { createHash, X509Certificate } from 'node:crypto'
import { subjectIn } from '../certificates/certificate-subject.ts'
import { rejected } from './token-rejection.ts'
import type { User } from './user.ts'

const clientAuthUsage = '1.3.6.1.5.5.7.3.2'
const anyUsage = '2.5.29.37.0'
const cacheSize = 4096

interface KnownCertificate {
  readonly user: User | undefined
  readonly fromMs: number
  readonly untilMs: number
}

/** Knows the users whose certificates one authority has issued. */
export class ClientCertificates {
  readonly #root: X509Certificate
  readonly #known = new Map<string, KnownCertificate>()

  /** `authority` is the root's certificate as PEM. */
  constructor(authority: string) {
    this.#root = new X509Certificate(authority)
  }

  /**
   * The user, or undefined for a good certificate without a common name. Throws a TokenRejection for
   * one that is another authority's, out of date, or not for clients.
   */
  userOf(certificate: X509Certificate, nowMs: number): User | undefined {
    const { fingerprint256 } = certificate
    const known = this.#known.get(fingerprint256) ?? this.#examine(certificate)
    this.#known.set(fingerprint256, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > cacheSize && oldest !== undefined) this.#known.delete(oldest)
    if (nowMs < known.fromMs || nowMs > known.untilMs) {
      throw rejected('x509: certificate has expired or is not yet valid')
    }
    return known.user
  }

  #examine(certificate: X509Certificate): KnownCertificate {
    const isOurs = certificate.checkIssued(this.#root) && certificate.verify(this.#root.publicKey)
    if (!isOurs) throw rejected('x509: certificate signed by unknown authority')
    const usages: readonly string[] = certificate.keyUsage ?? []
    if (!usages.includes(clientAuthUsage) && !usages.includes(anyUsage)) {
      throw rejected('x509: certificate specifies an incompatible key usage')
    }
    return {
      user: userIn(certificate),
      fromMs: certificate.validFromDate.getTime(),
      untilMs: certificate.validToDate.getTime(),
    }
  }
}

function userIn(certificate: X509Certificate): User | undefined {
  const { commonName: name, organizations } = subjectIn(certificate)
  if (name === '') return undefined
  const hash = createHash('sha256').update(certificate.raw).digest('hex')
  return {
    name,
    groups: organizations,
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${hash}`] },
  }
}
