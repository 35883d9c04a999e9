// SPDX-License-Identifier: Apache-2.0
// Nodes that join by themselves, against an API server with its own approver and signer.
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import {
  decide,
  requestsIn,
  strangerConnection,
  tokenConnection,
} from '../../../test/support/joining-cluster.ts'
import { recordingLogger } from '../../../test/support/kubelet-stubs.ts'
import type { ClusterConnection } from '../../kube/cluster-connection.ts'
import { createKubeClient } from '../../kube/http-kube-client.ts'
import { certificateSigningRequests } from '../../kube/resources.ts'
import type { Resource } from '../../kube/resources.ts'
import type { SelfSubjectReview } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { UserError } from '../../util/vk-error.ts'
import { ClientIdentity } from './client-identity.ts'
import type { ClientIdentityOptions } from './client-identity.ts'

const selfSubjectReviews: Resource<SelfSubjectReview> = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  isNamespaced: false,
}
const yearMs = 365 * 24 * 60 * 60_000
const noToken = async (): Promise<never> => {
  throw new UserError('Cannot read the bootstrap kubeconfig')
}

describe('ClientIdentity', () => {
  let cluster: EmbeddedCluster
  let bootstrap: ClusterConnection
  let folder: string

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vk-identity-'))
    cluster = await startEmbeddedCluster({ hasControllers: true })
    bootstrap = await tokenConnection(cluster)
  })

  after(async () => {
    await cluster[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  async function open(
    nodeName: string,
    options: Partial<ClientIdentityOptions> = {},
  ): Promise<ClientIdentity> {
    const rootDir = path.join(folder, nodeName)
    return await ClientIdentity.open({
      nodeName,
      rootDir,
      kubeconfig: path.join(rootDir, 'kubeconfig'),
      bootstrap: async () => bootstrap,
      isRotating: true,
      userAgent: 'test',
      clock: new FakeClock(Date.now()),
      log: silentLogger,
      signal: AbortSignal.timeout(60_000),
      ...options,
    })
  }

  it('joins with a token, and needs it no more', async () => {
    const lines: string[] = []
    {
      await using identity = await open('one', { log: recordingLogger(lines) })
      await using client = createKubeClient(identity.connection, {
        userAgent: 'test',
        log: silentLogger,
      })
      const review = await client.create(selfSubjectReviews, {})
      assert.equal(review.status?.userInfo?.username, 'system:node:one')
      assert.ok(review.status.userInfo.groups?.includes('system:nodes'))
    }
    const kubeconfig = await readFile(path.join(folder, 'one/kubeconfig'), 'utf8')
    assert.doesNotMatch(kubeconfig, /token|0123456789abcdef/)
    assert.match(lines.join('\n'), /Got a new client certificate/)
    assert.doesNotMatch(lines.join('\n'), /0123456789abcdef|PRIVATE KEY/)
    const pem = path.join(folder, 'one/pki/kubelet-client-current.pem')
    assert.equal((await stat(pem)).mode & 0o777, 0o600)
    await using again = await open('one', { bootstrap: noToken })
    const { certificate } = await again.connection.credentials.identity()
    assert.ok((await readFile(pem, 'utf8')).startsWith(certificate?.certificatePem ?? '-'))
  })

  it('says what is missing when there is neither certificate nor token', async () => {
    await assert.rejects(open('nobody', { bootstrap: noToken }), UserError)
  })

  it('renews its certificate before it runs out, and shows the new one at once', async () => {
    const clock = new FakeClock(Date.now())
    await using identity = await open('two', { clock, random: () => 0 })
    const { credentials } = identity.connection
    await using client = createKubeClient(identity.connection, {
      userAgent: 'test',
      log: silentLogger,
    })
    await client.create(selfSubjectReviews, {})
    const first = await credentials.identity()
    await clock.advance(yearMs * 0.69)
    assert.equal(await credentials.identity(), first)
    await clock.advance(yearMs * 0.02)
    await until(async () => (await credentials.identity()) !== first)
    const { certificate } = await credentials.identity()
    const review = await client.create(selfSubjectReviews, {})
    const { raw } = new X509Certificate(certificate?.certificatePem ?? '')
    assert.deepEqual(
      review.status?.userInfo?.extra?.['authentication.kubernetes.io/credential-id'],
      [`X509SHA256=${createHash('sha256').update(raw).digest('hex')}`],
    )
    assert.notEqual(first.certificate?.keyPem, certificate?.keyPem)
    const { items } = await cluster.client.list(certificateSigningRequests)
    const asked = items.filter(({ spec }) => spec.username === 'system:node:two')
    assert.equal(asked.length, 1, 'the renewal is asked for as the node itself')
  })

  it('joins anew when its certificate has run out', async () => {
    {
      await using _identity = await open('three')
    }
    const clock = new FakeClock(Date.now() + 2 * yearMs)
    await assert.rejects(open('three', { clock, bootstrap: noToken }), UserError)
    const lines: string[] = []
    const log = recordingLogger(lines)
    await using identity = await open('three', { clock, log, isRotating: false })
    assert.ok((await identity.connection.credentials.identity()).certificate)
    assert.match(lines.join('\n'), /run out/)
  })

  it('uses an identity that somebody else keeps, and asks for none', async () => {
    const kubeconfig = path.join(folder, 'given.kubeconfig')
    const text = await cluster.controlPlane.kubeconfigFor('system:node:four', ['system:nodes'])
    await writeFile(kubeconfig, text)
    await using identity = await open('four', { kubeconfig, bootstrap: noToken })
    assert.match(identity.connection.source, /given\.kubeconfig/)
    await assert.rejects(stat(path.join(folder, 'four/pki')))
  })
})

describe('ClientIdentity of a node that a person must approve', () => {
  it('waits, over restarts, for one and the same request', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'vk-identity-'))
    await using cluster = await startEmbeddedCluster({ hasControllers: true })
    const bootstrap = await strangerConnection(cluster)
    const start = (signal: AbortSignal, lines: string[] = []) =>
      ClientIdentity.open({
        nodeName: 'slow',
        rootDir: folder,
        kubeconfig: path.join(folder, 'kubeconfig'),
        bootstrap: async () => ({ ...bootstrap, headers: [] }),
        isRotating: false,
        userAgent: 'test',
        clock: new FakeClock(Date.now()),
        log: recordingLogger(lines),
        signal,
      })
    try {
      const stop = new AbortController()
      const given = start(stop.signal)
      const [request] = await requestsIn(cluster.client, 1)
      assert.ok(request)
      stop.abort(new Error('restart'))
      await assert.rejects(given, /restart/)
      const lines: string[] = []
      const waiting = start(AbortSignal.timeout(60_000), lines)
      await until(async () => lines.length > 0)
      assert.match(lines.join('\n'), new RegExp(`certificate approve ${request.metadata.name}`))
      await decide(cluster, request, 'Approved')
      await using identity = await waiting
      const { certificate } = await identity.connection.credentials.identity()
      const { subject } = new X509Certificate(certificate?.certificatePem ?? '')
      assert.equal(subject, 'O=system:nodes\nCN=system:node:slow')
      assert.equal((await cluster.client.list(certificateSigningRequests)).items.length, 1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('asks again with another key, after a while, when it was denied', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'vk-identity-'))
    await using cluster = await startEmbeddedCluster({ hasControllers: true })
    const clock = new FakeClock(Date.now())
    const bootstrap = await strangerConnection(cluster)
    const lines: string[] = []
    const stop = new AbortController()
    try {
      const opening = ClientIdentity.open({
        nodeName: 'denied',
        rootDir: folder,
        kubeconfig: path.join(folder, 'kubeconfig'),
        bootstrap: async () => bootstrap,
        isRotating: false,
        userAgent: 'test',
        clock,
        log: recordingLogger(lines),
        signal: stop.signal,
      })
      const [request] = await requestsIn(cluster.client, 1)
      await decide(cluster, request ?? assert.fail(), 'Denied')
      await until(async () => lines.some((line) => line.includes('as the test wants it')))
      await until(async () => clock.pending > 0)
      await clock.advance(10 * 60_000)
      const requests = await requestsIn(cluster.client, 2)
      assert.equal(new Set(requests.map(({ spec }) => spec.request)).size, 2)
      stop.abort(new Error('enough'))
      await assert.rejects(opening, /enough/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

/** Gives the network its turns until something is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn()
}
