// SPDX-License-Identifier: Apache-2.0
// The cluster's certificate authority: one self-signed root for clients and servers alike, kept in the
// data directory or only in memory. Whoever holds a certificate that it issued for `client auth` is
// the user that the certificate names.
import type { Clock } from '../../util/clock.ts'
import { VkError } from '../../util/vk-error.ts'
import { X509Certificate } from 'node:crypto'
import path from 'node:path'
import { deepEqual } from '../objects/deep-equal.ts'
import { subjectIn } from './certificate-subject.ts'
import type { CertificateSubject } from './certificate-subject.ts'
import { parseCertificateRequest, signingFault } from './certificate-request.ts'
import type { Issuer, KeyPair } from './issue-certificate.ts'
import {
  createRoot,
  issueCertificate,
  issueKeyPair,
  readIssuer,
  serverNames,
  subjectOf,
} from './issue-certificate.ts'
import { pemBlocks, readKeyFile, writeKeyFile } from './key-files.ts'

const dayMs = 24 * 60 * 60_000
const rootLifetimeMs = 3650 * dayMs
const lifetimeMs = 365 * dayMs
const minLifetimeMs = 10 * 60_000
const defaultName = 'kubernetes'

export interface AuthorityOptions {
  readonly clock: Clock
  /** Tells the authorities of a cluster apart, in the certificate and in the folder; default `kubernetes`. */
  readonly name?: string
}

/** A user as a client certificate names it. */
export interface ClientIdentity {
  readonly user: string
  readonly groups?: readonly string[]
}

/** What a CertificateSigningRequest's spec asks of its signer. */
export interface SigningTerms {
  readonly signerName: string
  readonly usages: readonly string[]
  /** Default and maximum: a year. */
  readonly expirationSeconds?: number
}

/** Opens the authority that is kept in a folder, or makes one; without a folder it lasts as long as the process. */
export async function openAuthority(
  folder: string | undefined,
  options: AuthorityOptions,
): Promise<Authority> {
  const { name = defaultName } = options
  const nowMs = options.clock.nowMs()
  const kept =
    folder === undefined ? undefined : await readRoot(path.join(folder, fileNameOf(name)))
  if (kept && new X509Certificate(kept.certificate).validToDate.getTime() > nowMs) {
    return new Authority(kept.certificate, await readIssuer(kept), options)
  }
  const root = await createRoot(name, { nowMs, lifetimeMs: rootLifetimeMs })
  if (folder !== undefined) {
    await writeKeyFile(path.join(folder, fileNameOf(name)), root.certificate + root.key)
  }
  return new Authority(root.certificate, await readIssuer(root), options)
}

/** Issues the certificates of one cluster. */
export class Authority {
  /** The root, as PEM: what clients trust servers by, and this server its clients. */
  readonly certificate: string
  readonly #issuer: Issuer
  readonly #clock: Clock

  constructor(certificate: string, issuer: Issuer, { clock }: AuthorityOptions) {
    this.certificate = certificate
    this.#issuer = issuer
    this.#clock = clock
  }

  /** A key and certificate that make their holder this user, for a year or a shorter time. */
  issueClient(
    { user, groups = [] }: ClientIdentity,
    options: { readonly lifetimeMs?: number } = {},
  ): Promise<KeyPair> {
    const subject = subjectOf(user, groups)
    return issueKeyPair(
      { ...this.#validity(options), subject, usages: ['client auth'] },
      this.#issuer,
    )
  }

  /** A server's key and certificate; `names` are its host names and IP addresses. */
  issueServer(
    commonName: string,
    names: readonly string[],
    options: { readonly organizations?: readonly string[]; readonly lifetimeMs?: number } = {},
  ): Promise<KeyPair> {
    return issueKeyPair(
      {
        ...this.#validity(options),
        subject: subjectOf(commonName, options.organizations),
        alternativeNames: serverNames(names),
        usages: ['server auth'],
      },
      this.#issuer,
    )
  }

  /**
   * Signs a request (PEM) by the rules of its signer; resolves with the certificate as PEM. Rejects
   * with a VkError of code Invalid whose message says what the rules forbid.
   */
  async signCsr(pem: string, terms: SigningTerms): Promise<string> {
    const request = parseCertificateRequest(pem)
    if (!request) throw new VkError('Invalid', 'PEM block type must be CERTIFICATE REQUEST')
    const fault = signingFault(request, terms)
    if (fault !== undefined) throw new VkError('Invalid', fault)
    if (!(await request.pkcs10.verify())) {
      throw new VkError('Invalid', 'unable to verify certificate request signature')
    }
    const { expirationSeconds = lifetimeMs / 1000, usages } = terms
    const content = {
      ...this.#validity({ lifetimeMs: clampLifetime(expirationSeconds * 1000) }),
      subject: request.pkcs10.subjectName,
      alternativeNames: request.alternativeNames,
      usages: (['client auth', 'server auth'] as const).filter((usage) => usages.includes(usage)),
      isForKeyEncipherment: usages.includes('key encipherment'),
    }
    const { publicKey } = request.pkcs10
    const certificate = await issueCertificate(content, { issuer: this.#issuer, publicKey })
    checkSubject(certificate, request)
    return certificate
  }

  #validity(options: { readonly lifetimeMs?: number }): {
    readonly nowMs: number
    readonly lifetimeMs: number
  } {
    return { nowMs: this.#clock.nowMs(), lifetimeMs: options.lifetimeMs ?? lifetimeMs }
  }
}

/** What was judged is what is signed: a name that reads differently later names somebody else. */
function checkSubject(pem: string, { commonName, organizations }: CertificateSubject): void {
  let subject: CertificateSubject | undefined
  try {
    subject = subjectIn(new X509Certificate(pem))
  } catch {
    // Text of a type that no certificate may hold; told below.
  }
  if (deepEqual(subject, { commonName, organizations })) return
  throw new VkError('Invalid', 'subject has values that are no plain text')
}

function clampLifetime(wantedMs: number): number {
  return Math.min(Math.max(wantedMs, minLifetimeMs), lifetimeMs)
}

function fileNameOf(name: string): string {
  return name === defaultName ? 'ca.pem' : `${name}-ca.pem`
}

async function readRoot(file: string): Promise<KeyPair | undefined> {
  const text = await readKeyFile(file)
  if (text === undefined) return undefined
  const [certificate] = pemBlocks(text, 'CERTIFICATE')
  const [key] = pemBlocks(text, 'PRIVATE KEY')
  // Another root would lock out everything that holds the old one: better not to start.
  if (certificate === undefined || key === undefined) {
    throw new VkError('Invalid', `Cannot read the certificate authority: "${file}" is incomplete`)
  }
  return { certificate, key }
}
