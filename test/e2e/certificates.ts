// SPDX-License-Identifier: Apache-2.0
//
// The certificates of a test cluster: an authority, and what it issues to servers and clients.
// A user's name and groups are the common name and organisations of its certificate.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { randomBytes, webcrypto } from 'node:crypto'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 24 * 60 * 60 * 1000

/** A certificate and its private key, both as PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** Whom a certificate is for; with addresses it is a server's too. */
export interface CertificateRequest {
  readonly commonName: string
  readonly organizations?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

/** A certificate authority of its own, alive for one test run. */
export interface Authority extends KeyPair {
  issue(request: CertificateRequest): Promise<KeyPair>
}

/** Creates an authority that signs certificates valid from an hour ago until tomorrow. */
export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await generateKeys()
  const name = new x509.Name([{ CN: [commonName] }])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign |
          x509.KeyUsageFlags.cRLSign |
          x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certificate: certificate.toString('pem'),
    key: await exportKey(keys.privateKey),
    issue: (request) => issue(request, certificate, keys.privateKey),
  }
}

/** A key pair alone, as PEM: the public key takes the place of the certificate. */
export async function createSigningKeys(): Promise<KeyPair> {
  const keys = await generateKeys()
  const publicKey = await webcrypto.subtle.exportKey('spki', keys.publicKey)
  return {
    certificate: x509.PemConverter.encode(publicKey, 'PUBLIC KEY'),
    key: await exportKey(keys.privateKey),
  }
}

async function issue(
  request: CertificateRequest,
  issuer: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
): Promise<KeyPair> {
  const { commonName, organizations = [], dnsNames = [], ipAddresses = [] } = request
  const keys = await generateKeys()
  const names = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(),
    subject: new x509.Name([{ CN: [commonName] }, ...organizations.map((o) => ({ O: [o] }))]),
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        ...(names.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : []),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

function validity() {
  return {
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    notBefore: new Date(Date.now() - DAY_MS / 24),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
  }
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}
