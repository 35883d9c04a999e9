// SPDX-License-Identifier: Apache-2.0
// Private keys of a node (ECDSA P-256, PKCS #8) and the requests that they sign.
import type { JsonGeneralName } from '@peculiar/x509'
import { createPublicKey, webcrypto } from 'node:crypto'
import { loadX509 } from '../tls/load-x509.ts'
import { nodesGroup } from './certificate-wish.ts'
import type { CertificateWish } from './certificate-wish.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A new private key, PEM. */
export async function makeKey(): Promise<string> {
  const { PemConverter } = await loadX509()
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return `${PemConverter.encode(der, 'PRIVATE KEY')}\n`
}

/** The public key that belongs to a private key (PEM), DER. */
export function publicKeyOf(keyPem: string): Buffer {
  return createPublicKey(keyPem).export({ type: 'spki', format: 'der' })
}

/** A PKCS #10 request for the wish, PEM; rejects when the key is none of ours. */
export async function certificateRequest(wish: CertificateWish, keyPem: string): Promise<string> {
  const names: JsonGeneralName[] = [
    ...wish.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...wish.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ]
  const x509 = await loadX509()
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name([{ O: [nodesGroup] }, { CN: [wish.commonName] }]),
    keys: await importKeys(keyPem),
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  })
  return `${request.toString('pem')}\n`
}

async function importKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const { PemConverter } = await loadX509()
  const [der = new ArrayBuffer(0)] = PemConverter.decode(keyPem)
  const { subtle } = webcrypto
  return {
    privateKey: await subtle.importKey('pkcs8', der, algorithm, true, ['sign']),
    publicKey: await subtle.importKey('spki', publicKeyOf(keyPem), algorithm, true, ['verify']),
  }
}
