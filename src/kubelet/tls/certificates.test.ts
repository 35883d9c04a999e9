// SPDX-License-Identifier: Apache-2.0
// Serving certificates: given as files that change, given as text, and made by ourselves.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import * as tls from 'node:tls'
import { TestAuthority } from '../../../test/support/kubelet-certificates.ts'
import type { TestKeyPair } from '../../../test/support/kubelet-certificates.ts'
import { startKubelet } from '../../../test/support/kubelet-fixture.ts'
import { recordingLogger } from '../../../test/support/kubelet-stubs.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { SelfSignedCertificate } from './self-signed-certificate.ts'
import { certificateFromFiles, certificateFromPem } from './serving-certificate.ts'

const dayMs = 24 * 60 * 60_000
let folder: string
let first: TestKeyPair
let second: TestKeyPair

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'vk-tls-'))
  const authority = await TestAuthority.create('serving')
  first = await authority.issue({ commonNames: ['first'], usage: 'server' })
  second = await authority.issue({ commonNames: ['second'], usage: 'server' })
})

after(async () => {
  await rm(folder, { recursive: true })
})

async function subjectAt(port: number): Promise<string | undefined> {
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const subject = socket.getPeerX509Certificate()?.subject
  socket.destroy()
  return subject
}

test('a certificate that is replaced on disk is served without a restart', async () => {
  const certFile = path.join(folder, 'tls.crt')
  const keyFile = path.join(folder, 'tls.key')
  await writeFile(certFile, first.cert)
  await writeFile(keyFile, first.key)
  const clock = new FakeClock()
  const lines: string[] = []
  const log = recordingLogger(lines)
  await using kubelet = await startKubelet({
    clock,
    log,
    security: { certificate: { certFile, keyFile } },
  })
  assert.equal(await subjectAt(kubelet.port), 'CN=first')
  // Half of the change: the pair does not fit, and the old one stays.
  await writeFile(certFile, second.cert)
  await clock.advance(10_000)
  const refusal = /Cannot reload the serving certificate and key; the last one stays/
  while (!refusal.test(lines.join())) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await subjectAt(kubelet.port), 'CN=first')
  const changed = new Promise<void>((resolve) => kubelet.security.tls.onChange(resolve))
  await writeFile(keyFile, second.key)
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve))
  await clock.advance(10_000)
  await changed
  assert.equal(await subjectAt(kubelet.port), 'CN=second')
  assert.doesNotMatch(lines.join(), /PRIVATE/)
})

test('certificate files that cannot be used are named, without their content', async () => {
  const certFile = path.join(folder, 'a.crt')
  const keyFile = path.join(folder, 'a.key')
  const options = { clock: new FakeClock(), log: silentLogger }
  const files = { certFile, keyFile }
  await assert.rejects(certificateFromFiles(files, options), /^UserError: .*a\.crt.*ENOENT/)
  await writeFile(certFile, first.cert)
  await writeFile(keyFile, second.key)
  await assert.rejects(certificateFromFiles(files, options), (error: Error) => {
    assert.match(
      error.message,
      /^Cannot use the serving certificate and key ".*a\.crt" and ".*a\.key"/,
    )
    assert.doesNotMatch(error.message, /BEGIN/)
    return true
  })
  assert.throws(
    () => certificateFromPem({ cert: first.cert, key: second.key }),
    /^UserError: Cannot/,
  )
})

test('our own certificate names the node and its addresses and survives a restart', async () => {
  const rootDir = path.join(folder, 'node-1')
  const ipAddresses = ['10.1.2.3', 'fd00::5']
  const options = {
    rootDir,
    nodeName: 'node-1',
    ipAddresses,
    clock: new FakeClock(),
    log: silentLogger,
  }
  using made = await SelfSignedCertificate.open(options)
  const certificate = new X509Certificate(made.current().cert)
  assert.equal(certificate.checkHost('node-1'), 'node-1')
  for (const address of ipAddresses) assert.ok(certificate.checkIP(address), address)
  assert.equal(certificate.ca, false)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  const file = path.join(rootDir, 'pki', 'kubelet-self-signed.pem')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  using again = await SelfSignedCertificate.open(options)
  assert.deepEqual(again.current(), made.current())
  using moved = await SelfSignedCertificate.open({ ...options, ipAddresses: ['10.1.2.3'] })
  assert.notDeepEqual(moved.current(), made.current())
  await writeFile(file, 'not a certificate')
  using healed = await SelfSignedCertificate.open(options)
  assert.ok((await readFile(file, 'utf8')).includes(healed.current().cert))
})

test('our own certificate is renewed long before it ends', async () => {
  const clock = new FakeClock()
  const rootDir = path.join(folder, 'node-2')
  const options = { rootDir, nodeName: 'node-2', ipAddresses: [], clock, log: silentLogger }
  using certificate = await SelfSignedCertificate.open(options)
  const before = certificate.current()
  const changed = new Promise<void>((resolve) => {
    certificate.onChange(resolve)
  })
  await clock.advance(291 * dayMs)
  assert.equal(certificate.current(), before)
  await clock.advance(2 * dayMs)
  await changed
  assert.notDeepEqual(certificate.current(), before)
})

test('a link in the place of our certificate is not followed when it is replaced', async () => {
  const rootDir = path.join(folder, 'node-3')
  const victim = path.join(folder, 'victim')
  await writeFile(victim, 'precious')
  const options = {
    rootDir,
    nodeName: 'node-3',
    ipAddresses: [],
    clock: new FakeClock(),
    log: silentLogger,
  }
  using _made = await SelfSignedCertificate.open(options)
  const file = path.join(rootDir, 'pki', 'kubelet-self-signed.pem')
  await rm(file)
  await symlink(victim, file)
  using _again = await SelfSignedCertificate.open(options)
  assert.equal(await readFile(victim, 'utf8'), 'precious')
})
