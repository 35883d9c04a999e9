// SPDX-License-Identifier: Apache-2.0
// Whom a certificate is of, as this server reads it when a client shows it. Whoever issues certificates
// compares by the same reading: parsers differ in what they make of unusual types of text.
import type { X509Certificate } from 'node:crypto'

export interface CertificateSubject {
  /** The last of several. '' when there is none. */
  readonly commonName: string
  readonly organizations: readonly string[]
}

/** Throws when the subject cannot be read. */
export function subjectIn(certificate: X509Certificate): CertificateSubject {
  const { CN, O } = certificate.toLegacyObject().subject as unknown as {
    readonly CN?: string | readonly string[]
    readonly O?: string | readonly string[]
  }
  return { commonName: listOf(CN).at(-1) ?? '', organizations: listOf(O) }
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
