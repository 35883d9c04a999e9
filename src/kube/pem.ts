// SPDX-License-Identifier: Apache-2.0
// The base64 fields of a kubeconfig, and the check that certificate and key belong together, made
// once at the start: OpenSSL's own complaint at the first handshake helps nobody.
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { UserError } from '../util/vk-error.ts'

/** Decodes a `…-data` field that has to hold PEM. */
export function pemOf(
  data: string,
  place: { readonly file: string; readonly field: string },
): string {
  const pem = Buffer.from(data, 'base64').toString('latin1')
  if (pem.includes('-----BEGIN ')) return pem
  throw new UserError(`Cannot use kubeconfig "${place.file}": ${place.field} is no base64 of PEM`, {
    hint: 'make it with: base64 -w0 FILE',
  })
}

/** Throws a UserError unless the certificate can be used with the key. */
export function checkKeyPair(
  pair: { readonly certificatePem: string; readonly keyPem: string },
  source: string,
): void {
  try {
    createSecureContext({ cert: pair.certificatePem, key: pair.keyPem })
  } catch (error) {
    // OpenSSL's messages name the problem, such as "key values mismatch", and no content.
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new UserError(`Cannot use the client certificate of ${source}: ${code}`, {
      hint: 'certificate and key must be PEM and belong together',
    })
  }
}

/** Milliseconds since the epoch at which a certificate ends; it must be a valid one. */
export function expiryOf(certificatePem: string): number {
  return new X509Certificate(certificatePem).validToDate.getTime()
}

/** Milliseconds since the epoch at which a certificate begins; it must be a valid one. */
export function startOf(certificatePem: string): number {
  return new X509Certificate(certificatePem).validFromDate.getTime()
}
