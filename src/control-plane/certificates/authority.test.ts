// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import assert from 'node:assert/strict'
import { webcrypto, X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createSecureContext } from 'node:tls'
import { FakeClock } from '../../util/fake-clock.ts'
import { openAuthority } from './authority.ts'
import { openServerCertificate } from './server-certificate.ts'
import { signerNames } from './signer-names.ts'

const dayMs = 24 * 60 * 60_000
const nodeSubject = 'O=system:nodes, CN=system:node:n1'
const clientUsages = ['digital signature', 'client auth']
const serverUsages = ['digital signature', 'server auth']
const dns: x509.JsonGeneralName = { type: 'dns', value: 'n1.example' }
const ip: x509.JsonGeneralName = { type: 'ip', value: '10.0.0.7' }
const email: x509.JsonGeneralName = { type: 'email', value: 'a@example.com' }
const url: x509.JsonGeneralName = { type: 'url', value: 'spiffe://a/b' }

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'authority-'))
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

async function request(subject: string, names: x509.JsonGeneralName[] = []): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  })
  return csr.toString('pem')
}

test('issues client certificates that name the user and its groups', async () => {
  const clock = new FakeClock()
  const authority = await openAuthority(undefined, { clock })
  const pair = await authority.issueClient({ user: 'jane', groups: ['dev', 'ops'] })
  const certificate = new X509Certificate(pair.certificate)
  assert.equal(certificate.subject, 'O=dev\nO=ops\nCN=jane')
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(certificate.ca, false)
  assert.ok(certificate.checkIssued(new X509Certificate(authority.certificate)))
  assert.ok(certificate.verify(new X509Certificate(authority.certificate).publicKey))
  assert.equal(certificate.validFromDate.getTime(), clock.nowMs() - 5 * 60_000)
  assert.equal(certificate.validToDate.getTime(), clock.nowMs() + 365 * dayMs)
  createSecureContext({ cert: pair.certificate, key: pair.key })
})

test('keeps the authority in its folder, readable by its owner only', async () => {
  await using folder = await temporaryFolder()
  const clock = new FakeClock()
  const first = await openAuthority(folder.path, { clock })
  const second = await openAuthority(folder.path, { clock })
  assert.equal(second.certificate, first.certificate)
  const { certificate } = await second.issueClient({ user: 'jane' })
  const root = new X509Certificate(first.certificate)
  assert.ok(new X509Certificate(certificate).verify(root.publicKey))
  const { mode } = await stat(path.join(folder.path, 'ca.pem'))
  assert.equal(mode & 0o777, 0o600)
  assert.deepEqual(await readdir(folder.path), ['ca.pem'])
})

test('makes a new authority only after the old one has expired', async () => {
  await using folder = await temporaryFolder()
  const clock = new FakeClock()
  const first = await openAuthority(folder.path, { clock })
  await clock.advance(3649 * dayMs)
  assert.equal((await openAuthority(folder.path, { clock })).certificate, first.certificate)
  await clock.advance(2 * dayMs)
  assert.notEqual((await openAuthority(folder.path, { clock })).certificate, first.certificate)
})

test('refuses to start with half an authority', async () => {
  await using folder = await temporaryFolder()
  await writeFile(path.join(folder.path, 'ca.pem'), 'nothing of use')
  await assert.rejects(openAuthority(folder.path, { clock: new FakeClock() }), /is incomplete/)
})

test('keeps the server certificate until its names change or it nears its end', async () => {
  await using folder = await temporaryFolder()
  const clock = new FakeClock()
  const authority = await openAuthority(folder.path, { clock })
  const names = ['localhost', 'kubernetes.default.svc', '127.0.0.1', '::1']
  const options = { authority, names, folder: folder.path, clock }
  const first = await openServerCertificate(options)
  const certificate = new X509Certificate(first.certificate)
  assert.ok(['localhost', 'kubernetes.default.svc'].every((name) => certificate.checkHost(name)))
  assert.ok(['127.0.0.1', '::1'].every((name) => certificate.checkIP(name)))
  assert.deepEqual(await openServerCertificate(options), first)
  const fewer = await openServerCertificate({ ...options, names: names.slice(1) })
  assert.notEqual(fewer.certificate, first.certificate)
  await clock.advance(300 * dayMs)
  const renewed = await openServerCertificate({ ...options, names: names.slice(1) })
  assert.notEqual(renewed.certificate, fewer.certificate)
})

test('issues the server certificate anew under another authority', async () => {
  await using folder = await temporaryFolder()
  const clock = new FakeClock()
  const options = { names: ['localhost'], folder: folder.path, clock }
  const one = await openAuthority(undefined, { clock })
  const other = await openAuthority(undefined, { clock })
  const first = await openServerCertificate({ ...options, authority: one })
  const second = await openServerCertificate({ ...options, authority: other })
  assert.notEqual(second.certificate, first.certificate)
})

test('signs requests of nodes and users', async () => {
  const clock = new FakeClock()
  const authority = await openAuthority(undefined, { clock })
  const pem = await authority.signCsr(await request(nodeSubject, [dns, ip]), {
    signerName: signerNames.kubeletServing,
    usages: [...serverUsages, 'key encipherment'],
    expirationSeconds: 3600,
  })
  const certificate = new X509Certificate(pem)
  assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:n1')
  assert.equal(certificate.subjectAltName, 'DNS:n1.example, IP Address:10.0.0.7')
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.equal(certificate.validToDate.getTime(), clock.nowMs() + 3_600_000)
})

test('gives at least ten minutes and at most a year', async () => {
  const clock = new FakeClock()
  const authority = await openAuthority(undefined, { clock })
  const pem = await request('CN=jane, OU=tools')
  const terms = { signerName: signerNames.client, usages: ['client auth'] }
  for (const [expirationSeconds, expectedMs] of [
    [1, 600_000],
    [10 * 365 * 86_400, 365 * dayMs],
  ] as const) {
    const certificate = new X509Certificate(
      await authority.signCsr(pem, { ...terms, expirationSeconds }),
    )
    assert.equal(certificate.validToDate.getTime(), clock.nowMs() + expectedMs)
    assert.match(certificate.subject, /OU=tools/)
  }
})

const refusals: readonly (readonly [
  signerName: string,
  subject: string,
  names: x509.JsonGeneralName[],
  usages: readonly string[],
  message: string,
])[] = [
  [
    signerNames.kubeletClient,
    'CN=system:node:n1',
    [],
    clientUsages,
    'subject organization is not system:nodes',
  ],
  [
    signerNames.kubeletClient,
    'O=system:nodes, O=system:masters, CN=system:node:n1',
    [],
    clientUsages,
    'subject organization is not system:nodes',
  ],
  [
    signerNames.kubeletClient,
    'O=system:nodes, CN=n1',
    [],
    clientUsages,
    'subject common name does not begin with system:node:',
  ],
  [
    signerNames.kubeletClient,
    nodeSubject,
    [dns],
    clientUsages,
    'DNS subjectAltNames are not allowed',
  ],
  [
    signerNames.kubeletClient,
    nodeSubject,
    [ip],
    clientUsages,
    'IP subjectAltNames are not allowed',
  ],
  [
    signerNames.kubeletClient,
    nodeSubject,
    [email],
    clientUsages,
    'Email subjectAltNames are not allowed',
  ],
  [
    signerNames.kubeletClient,
    nodeSubject,
    [url],
    clientUsages,
    'URI subjectAltNames are not allowed',
  ],
  [
    signerNames.kubeletClient,
    nodeSubject,
    [],
    serverUsages,
    'usages did not match [client auth digital signature key encipherment]',
  ],
  [
    signerNames.kubeletServing,
    nodeSubject,
    [],
    serverUsages,
    'DNS or IP subjectAltName is required',
  ],
  [
    signerNames.kubeletServing,
    nodeSubject,
    [dns],
    [...serverUsages, 'client auth'],
    'usages did not match [digital signature key encipherment server auth]',
  ],
  [
    signerNames.kubeletServing,
    'CN=n1, O=system:nodes',
    [dns],
    serverUsages,
    'subject common name does not begin with system:node:',
  ],
  [
    signerNames.kubeletServing,
    nodeSubject,
    [dns, url],
    serverUsages,
    'URI subjectAltNames are not allowed',
  ],
  [
    signerNames.client,
    'CN=jane',
    [],
    ['client auth', 'server auth'],
    'invalid usage for client certificate: server auth',
  ],
  [
    signerNames.client,
    'CN=jane',
    [],
    ['digital signature'],
    'missing required usage for client certificate: client auth',
  ],
  ['kubernetes.io/other', 'CN=jane', [], [], 'unrecognized signerName: "kubernetes.io/other"'],
]

test('says why a signer does not sign', async () => {
  const authority = await openAuthority(undefined, { clock: new FakeClock() })
  for (const [signerName, subject, names, usages, message] of refusals) {
    const pem = await request(subject, names)
    await assert.rejects(authority.signCsr(pem, { signerName, usages }), { message })
  }
  const terms = { signerName: signerNames.client, usages: clientUsages }
  await assert.rejects(authority.signCsr('no request', terms), {
    message: 'PEM block type must be CERTIFICATE REQUEST',
  })
})

test('signs no name that reads differently once it is in a certificate', async () => {
  const authority = await openAuthority(undefined, { clock: new FakeClock() })
  const terms = { signerName: signerNames.client, usages: clientUsages }
  const masters = Buffer.from('system:masters').toString('hex')
  // A NumericString and a VisibleString; the first is text for OpenSSL, the second nothing at all.
  for (const tag of ['12', '1a']) {
    const pem = await request(`O=#${tag}0e${masters}, CN=eve`)
    await assert.rejects(authority.signCsr(pem, terms), { code: 'Invalid', message: /plain text/ })
  }
  await authority.signCsr(await request(`O=#0c0e${masters}, CN=eve`), terms)
})

test('signs nothing whose sender cannot prove to have the key', async () => {
  const authority = await openAuthority(undefined, { clock: new FakeClock() })
  const der = Buffer.from(new x509.Pkcs10CertificateRequest(await request('CN=jane')).rawData)
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1)
  const pem = x509.PemConverter.encode(der, 'CERTIFICATE REQUEST')
  const terms = { signerName: signerNames.client, usages: clientUsages }
  await assert.rejects(authority.signCsr(pem, terms), /signature/)
})
