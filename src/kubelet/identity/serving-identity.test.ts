// SPDX-License-Identifier: Apache-2.0
// The certificate of the node's HTTPS port, against an API server that signs for its own nodes.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import { recordingLogger } from '../../../test/support/kubelet-stubs.ts'
import type { KubeClient } from '../../kube/kube-client.ts'
import { certificateSigningRequests, nodes } from '../../kube/resources.ts'
import type { NodeAddress } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import type { Clock } from '../../util/clock.ts'
import { ServingIdentity } from './serving-identity.ts'

const yearMs = 365 * 24 * 60 * 60_000
const hostname = { type: 'Hostname', address: 'one' }
const address = (ip: string) => ({ type: 'InternalIP', address: ip })

describe('ServingIdentity', () => {
  let cluster: EmbeddedCluster
  let client: KubeClient
  let folder: string
  let addresses: readonly NodeAddress[] = []
  const lines: string[] = []

  before(async () => {
    cluster = await startEmbeddedCluster({ hasControllers: true })
    client = await cluster.clientFor('system:node:one', ['system:nodes'])
    await client.create(nodes, { metadata: { name: 'one' }, spec: {} })
  })

  after(async () => {
    await client[Symbol.asyncDispose]()
    await cluster[Symbol.asyncDispose]()
  })

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vk-serving-'))
    lines.length = 0
    addresses = []
  })

  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  async function open(clock: Clock = new FakeClock(Date.now())): Promise<ServingIdentity> {
    return await ServingIdentity.open({
      nodeName: 'one',
      rootDir: folder,
      ipAddresses: ['10.0.0.1'],
      client,
      addresses: () => addresses,
      clock,
      log: recordingLogger(lines),
      random: () => 0,
    })
  }

  /** What the node controller does: the Node shows them, and the certificate is told. */
  async function show(identity: ServingIdentity, shown: readonly NodeAddress[]): Promise<void> {
    const body = { status: { addresses: shown } }
    await client.patch(nodes, { name: 'one' }, { type: 'merge', body, subresource: 'status' })
    addresses = shown
    identity.addressesChanged()
  }

  const isSigned = ({ cert }: { readonly cert: string }) =>
    new X509Certificate(cert).checkIssued(new X509Certificate(cluster.controlPlane.kubeletCaPem))

  const changed = (identity: ServingIdentity) =>
    new Promise<void>((resolve) => {
      identity.onChange(resolve)
    })

  it('is self-signed, with a warning, until the Node has addresses and the cluster has signed', async () => {
    using identity = await open()
    assert.equal(isSigned(identity.current()), false)
    assert.match(lines.join('\n'), /self-signed/)
    const signed = changed(identity)
    await show(identity, [hostname, address('10.0.0.1'), address('fd00::1')])
    await signed
    const certificate = new X509Certificate(identity.current().cert)
    assert.ok(isSigned(identity.current()))
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:one')
    assert.ok(certificate.checkIP('fd00::1') && certificate.checkIP('10.0.0.1'))
    assert.equal(certificate.checkHost('one'), 'one')
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
    lines.length = 0
    using again = await open()
    assert.equal(again.current().cert, identity.current().cert)
    assert.doesNotMatch(lines.join('\n'), /self-signed/)
  })

  it('asks anew when the Node has an address that the certificate lacks', async () => {
    using identity = await open()
    const first = changed(identity)
    await show(identity, [address('10.0.0.1')])
    await first
    const second = changed(identity)
    await show(identity, [address('10.0.0.2')])
    await second
    assert.ok(new X509Certificate(identity.current().cert).checkIP('10.0.0.2'))
    const { cert } = identity.current()
    await show(identity, [address('10.0.0.2')])
    assert.equal(identity.current().cert, cert)
  })

  it('gives up an open request whose addresses are out of date', async () => {
    using identity = await open()
    // The Node does not show this address, so the request stays open.
    addresses = [address('10.9.9.9')]
    identity.addressesChanged()
    await untilLogged(/Waiting for a certificate/)
    const signed = changed(identity)
    await show(identity, [address('10.0.0.3')])
    await signed
    assert.equal(new X509Certificate(identity.current().cert).subjectAltName, 'IP Address:10.0.0.3')
  })

  it('renews itself before it runs out', async () => {
    const clock = new FakeClock(Date.now())
    using identity = await open(clock)
    const first = changed(identity)
    await show(identity, [address('10.0.0.4')])
    await first
    const { cert } = identity.current()
    const renewed = changed(identity)
    await clock.advance(yearMs * 0.71)
    await renewed
    assert.notEqual(identity.current().cert, cert)
    assert.ok((await client.list(certificateSigningRequests)).items.length > 1)
  })

  async function untilLogged(pattern: RegExp): Promise<void> {
    while (!lines.some((line) => pattern.test(line))) await turn()
  }
})
