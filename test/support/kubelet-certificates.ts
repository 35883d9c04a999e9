// SPDX-License-Identifier: Apache-2.0
// Authorities and client certificates made in a test, good ones and ones with a fault.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { randomBytes, webcrypto } from 'node:crypto'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const hourMs = 60 * 60_000

export interface TestKeyPair {
  readonly cert: string
  readonly key: string
}

export interface TestCertificateRequest {
  readonly commonNames?: readonly string[]
  readonly organizations?: readonly string[]
  readonly ipAddresses?: readonly string[]
  readonly usage?: 'client' | 'server'
  readonly notBefore?: Date
  readonly notAfter?: Date
}

/** An authority, with its own certificate as PEM. */
export class TestAuthority {
  readonly cert: string
  readonly #certificate: x509.X509Certificate
  readonly #keys: webcrypto.CryptoKeyPair
  readonly #chain: string

  static async create(name: string): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity({}),
      name: new x509.Name([{ CN: [name] }]),
      keys,
      extensions: authorityExtensions(),
    })
    return new TestAuthority(certificate, { keys, chain: '' })
  }

  private constructor(
    certificate: x509.X509Certificate,
    { keys, chain }: { readonly keys: webcrypto.CryptoKeyPair; readonly chain: string },
  ) {
    this.#certificate = certificate
    this.#keys = keys
    this.#chain = chain
    this.cert = `${certificate.toString('pem')}\n`
  }

  /** An authority below this one; what it issues comes with its certificate. */
  async intermediate(name: string): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity({}),
      subject: new x509.Name([{ CN: [name] }]),
      issuer: this.#certificate.subjectName,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: authorityExtensions(),
    })
    return new TestAuthority(certificate, { keys, chain: `${certificate.toString('pem')}\n` })
  }

  async issue(request: TestCertificateRequest): Promise<TestKeyPair> {
    const { commonNames = [], ipAddresses = [], organizations = [], usage = 'client' } = request
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const use = usage === 'client' ? 'clientAuth' : 'serverAuth'
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(request),
      subject: new x509.Name([
        ...organizations.map((value) => ({ O: [value] })),
        ...commonNames.map((value) => ({ CN: [value] })),
      ]),
      issuer: this.#certificate.subjectName,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[use]]),
        ...(ipAddresses.length > 0
          ? [
              new x509.SubjectAlternativeNameExtension(
                ipAddresses.map((value) => ({ type: 'ip' as const, value })),
              ),
            ]
          : []),
      ],
    })
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
    return {
      cert: `${certificate.toString('pem')}\n${this.#chain}`,
      key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
    }
  }
}

function authorityExtensions(): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
  ]
}

function validity({ notAfter, notBefore }: TestCertificateRequest) {
  return {
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    notBefore: notBefore ?? new Date(Date.now() - hourMs),
    notAfter: notAfter ?? new Date(Date.now() + 24 * hourMs),
    signingAlgorithm: algorithm,
  }
}
