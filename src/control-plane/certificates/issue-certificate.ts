// SPDX-License-Identifier: Apache-2.0
// Making keys and certificates, ECDSA P-256 throughout. Nothing here decides who may have one: callers
// have done so. Certificates begin five minutes in the past, for clocks that differ.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const backdateMs = 5 * 60_000

/** A certificate and its private key, both as PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/** Whom a certificate is for, how long, and what for. */
export interface CertificateContent {
  readonly subject: x509.Name
  readonly alternativeNames?: readonly x509.JsonGeneralName[]
  readonly usages: readonly ExtendedUsage[]
  readonly isForKeyEncipherment?: boolean
  readonly nowMs: number
  readonly lifetimeMs: number
}

export type ExtendedUsage = 'client auth' | 'server auth'

/** What signs: the authority's certificate and its private key. */
export interface Issuer {
  readonly certificate: x509.X509Certificate
  readonly key: webcrypto.CryptoKey
}

/** The longest-lived certificate that signs others and itself. */
export async function createRoot(
  commonName: string,
  { nowMs, lifetimeMs }: { readonly nowMs: number; readonly lifetimeMs: number },
): Promise<KeyPair> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + lifetimeMs),
    signingAlgorithm: algorithm,
    name: new x509.Name([{ CN: [commonName] }]),
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign |
          x509.KeyUsageFlags.digitalSignature |
          x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: pemOf(certificate), key: await privateKeyPem(keys.privateKey) }
}

/** Reads an issuer back from its PEM. */
export async function readIssuer(pair: KeyPair): Promise<Issuer> {
  const der = x509.PemConverter.decodeFirst(pair.key)
  return {
    certificate: new x509.X509Certificate(pair.certificate),
    key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']),
  }
}

/** A new key with a certificate for it. */
export async function issueKeyPair(content: CertificateContent, issuer: Issuer): Promise<KeyPair> {
  const keys = await generateKeys()
  return {
    certificate: await issueCertificate(content, { issuer, publicKey: keys.publicKey }),
    key: await privateKeyPem(keys.privateKey),
  }
}

/** A certificate, as PEM, for somebody's public key. */
export async function issueCertificate(
  content: CertificateContent,
  {
    issuer,
    publicKey,
  }: { readonly issuer: Issuer; readonly publicKey: x509.PublicKey | webcrypto.CryptoKey },
): Promise<string> {
  const { alternativeNames = [], isForKeyEncipherment = false, nowMs, lifetimeMs, usages } = content
  const notAfterMs = Math.min(nowMs + lifetimeMs, issuer.certificate.notAfter.getTime())
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: algorithm,
    subject: content.subject,
    issuer: issuer.certificate.subjectName,
    publicKey,
    signingKey: issuer.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      isForKeyEncipherment
        ? new x509.KeyUsagesExtension(
            x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
            true,
          )
        : new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension(usages.map(oidOf))] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
      ...(alternativeNames.length > 0
        ? [new x509.SubjectAlternativeNameExtension([...alternativeNames])]
        : []),
    ],
  })
  return pemOf(certificate)
}

/** A user's name and groups as a certificate carries them. */
export function subjectOf(commonName: string, organizations: readonly string[] = []): x509.Name {
  return new x509.Name([...organizations.map((group) => ({ O: [group] })), { CN: [commonName] }])
}

/** A server's host names and IP addresses as a certificate carries them. */
export function serverNames(names: readonly string[]): readonly x509.JsonGeneralName[] {
  return names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))
}

function oidOf(usage: ExtendedUsage): string {
  return usage === 'client auth'
    ? x509.ExtendedKeyUsage.clientAuth
    : x509.ExtendedKeyUsage.serverAuth
}

/** Positive, as the leading byte sees to, and beyond guessing. */
function randomSerial(): string {
  return `01${randomBytes(15).toString('hex')}`
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}
