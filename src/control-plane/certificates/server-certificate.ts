// SPDX-License-Identifier: Apache-2.0
// The API server's own certificate, kept beside the authority. A new one is issued when the server has
// to answer to other names, was given another authority, or most of the certificate's life is over.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import path from 'node:path'
import type { Clock } from '../../util/clock.ts'
import type { Authority } from './authority.ts'
import type { KeyPair } from './issue-certificate.ts'
import { pemBlocks, readKeyFile, writeKeyFile } from './key-files.ts'

const renewBeforeMs = 73 * 24 * 60 * 60_000
const fileName = 'apiserver.pem'

export interface ServerCertificateOptions {
  readonly authority: Authority
  /** Host names and IP addresses that clients may reach the server by. */
  readonly names: readonly string[]
  /** Undefined keeps nothing on disk. */
  readonly folder: string | undefined
  readonly clock: Clock
}

/** The kept certificate when it still serves, else a new one. Call again now and then to renew. */
export async function openServerCertificate(options: ServerCertificateOptions): Promise<KeyPair> {
  const { authority, folder, names } = options
  const file = folder === undefined ? undefined : path.join(folder, fileName)
  const kept = file === undefined ? undefined : await readPair(file)
  if (kept && isUsable(kept.certificate, options)) return kept
  const pair = await authority.issueServer('kube-apiserver', [...new Set(names)])
  if (file !== undefined) await writeKeyFile(file, pair.certificate + pair.key)
  return pair
}

/** Whether a server's certificate (PEM) is for exactly these names and will last a while. */
export function isUsable(
  certificatePem: string,
  { authority, clock, names }: Omit<ServerCertificateOptions, 'folder'>,
): boolean {
  const certificate = new X509Certificate(certificatePem)
  const root = new X509Certificate(authority.certificate)
  const nowMs = clock.nowMs()
  const wanted = [...new Set(names)]
  return (
    certificate.verify(root.publicKey) &&
    nowMs >= certificate.validFromDate.getTime() &&
    nowMs <= certificate.validToDate.getTime() - renewBeforeMs &&
    (certificate.subjectAltName ?? '').split(', ').length === wanted.length &&
    wanted.every((name) =>
      isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name),
    )
  )
}

async function readPair(file: string): Promise<KeyPair | undefined> {
  const text = (await readKeyFile(file)) ?? ''
  const [certificate] = pemBlocks(text, 'CERTIFICATE')
  const [key] = pemBlocks(text, 'PRIVATE KEY')
  return certificate === undefined || key === undefined ? undefined : { certificate, key }
}
