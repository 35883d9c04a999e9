// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { X509Certificate, webcrypto } from 'node:crypto'
import { describe, it } from 'node:test'
import * as x509 from '@peculiar/x509'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { buildNode } from '../../../../test/support/scheduling.ts'
import { nodes } from '../../../kube/resources.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { openAuthority } from '../../certificates/authority.ts'
import { signerNames } from '../../certificates/signer-names.ts'
import { certificateSigningRequests } from '../namespaces/cluster-kinds.ts'
import { startCsrApprover } from './csr-approver.ts'
import { isOutdated, startCsrCleaner } from './csr-cleaner.ts'
import { startCsrSigner } from './csr-signer.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function requestPem(
  names: readonly x509.JsonGeneralName[] = [],
  subject = 'O=system:nodes, CN=system:node:one',
): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const extensions = names.length > 0 ? [new x509.SubjectAlternativeNameExtension([...names])] : []
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions,
  })
  return Buffer.from(csr.toString('pem')).toString('base64')
}

const servingUsages = ['digital signature', 'server auth']
const clientUsages = ['digital signature', 'client auth']
const nodeUser = { username: 'system:node:one', groups: ['system:nodes', 'system:authenticated'] }

async function start(rights: readonly string[] = [], approvers: readonly string[] = []) {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const context = { api, clock, log: silentLogger }
  const authority = await openAuthority(undefined, { clock })
  const asked: string[] = []
  const stack = new AsyncDisposableStack()
  stack.use(
    startCsrApprover(context, {
      mayCreate: ({ name }, right) => {
        asked.push(`${name} ${right}`)
        return rights.includes(right)
      },
      mayApproveServing: ({ name }) => approvers.includes(name),
    }),
  )
  stack.use(startCsrSigner(context, { sign: (pem, terms) => authority.signCsr(pem, terms) }))
  return { api, clock, context, asked, stack }
}

// Signing takes turns of the event loop that the fake knows nothing of: on a busy machine very many.
async function csrWith(api: FakeClusterApi, what: 'certificate' | 'failure' | 'nothing') {
  for (let turns = 0; ; turns++) {
    await api.settled()
    const csr = api.list(certificateSigningRequests)[0]
    if (what === 'certificate' && (csr?.status?.certificate ?? '') !== '') return csr
    const hasFailed = csr?.status?.conditions?.some(({ type }) => type === 'Failed') ?? false
    if (what === 'failure' && hasFailed) return csr
    if (what === 'nothing' && turns === 3) return csr
  }
}

describe('startCsrApprover and startCsrSigner', () => {
  it('give a node that may ask for it a client certificate', async () => {
    const { api, asked, stack } = await start(['selfnodeclient'])
    await using _ = stack
    const spec = {
      request: await requestPem(),
      signerName: signerNames.kubeletClient,
      usages: clientUsages,
      ...nodeUser,
    }
    api.seed(certificateSigningRequests, { metadata: { name: 'c' }, spec })
    const csr = await csrWith(api, 'certificate')
    assert.deepEqual(
      csr?.status?.conditions?.map(({ type, reason, message }) => [type, reason, message]),
      [
        [
          'Approved',
          'AutoApproved',
          'Auto approving self kubelet client certificate after SubjectAccessReview.',
        ],
      ],
    )
    const pem = Buffer.from(csr?.status?.certificate ?? '', 'base64')
    assert.match(new X509Certificate(pem).subject, /CN=system:node:one/)
    assert.deepEqual(asked, ['system:node:one selfnodeclient'])
  })

  it('leave the request of somebody without the right', async () => {
    const { api, asked, stack } = await start()
    await using _ = stack
    const spec = {
      request: await requestPem(),
      signerName: signerNames.kubeletClient,
      usages: clientUsages,
      username: 'somebody',
    }
    api.seed(certificateSigningRequests, { metadata: { name: 'c' }, spec })
    const csr = await csrWith(api, 'nothing')
    assert.equal(csr?.status, undefined)
    assert.deepEqual(asked, ['somebody nodeclient'])
  })

  it('give a serving certificate once all its names are addresses of that node', async () => {
    const { api, stack } = await start()
    await using _ = stack
    const names = [
      { type: 'dns', value: 'one.example' },
      { type: 'ip', value: 'fd00::1' },
    ] as const
    const spec = {
      request: await requestPem(names),
      signerName: signerNames.kubeletServing,
      usages: servingUsages,
      ...nodeUser,
    }
    api.seed(certificateSigningRequests, { metadata: { name: 'c' }, spec })
    const hostname = { type: 'Hostname', address: 'one.example' }
    const node = api.seed(nodes, buildNode('one', { status: { addresses: [hostname] } }))
    assert.equal((await csrWith(api, 'nothing'))?.status, undefined)
    const addresses = [hostname, { type: 'InternalIP', address: 'fd00:0::1' }]
    await api.updateStatus(nodes, { ...node, status: { ...node.status, addresses } })
    const csr = await csrWith(api, 'certificate')
    assert.match(csr?.status?.conditions?.[0]?.message ?? '', /only addresses of node "one"/)
  })

  it('give it too to whoever could approve it himself, and for no other address', async () => {
    const { api, stack } = await start([], ['admin'])
    await using _ = stack
    const addresses = [{ type: 'InternalIP', address: '10.0.0.1' }]
    api.seed(nodes, buildNode('one', { status: { addresses } }))
    const specOf = async (value: string, username: string) => ({
      request: await requestPem([{ type: 'ip', value }]),
      signerName: signerNames.kubeletServing,
      usages: servingUsages,
      username,
    })
    const seed = async (name: string, value: string, username: string) =>
      api.seed(certificateSigningRequests, {
        metadata: { name },
        spec: await specOf(value, username),
      })
    await seed('b', '10.0.0.2', 'admin')
    await seed('c', '10.0.0.1', 'somebody')
    await csrWith(api, 'nothing')
    assert.deepEqual(
      api.list(certificateSigningRequests).map(({ status }) => status),
      [undefined, undefined],
    )
    await seed('a', '10.0.0.1', 'admin')
    assert.equal((await csrWith(api, 'certificate'))?.metadata.name, 'a')
  })

  it('never give one node the certificate of another', async () => {
    const { api, stack } = await start(['selfnodeclient', 'nodeclient'])
    await using _ = stack
    const addresses = [{ type: 'InternalIP', address: '10.0.0.1' }]
    api.seed(nodes, buildNode('one', { status: { addresses } }))
    const spec = {
      request: await requestPem([{ type: 'ip', value: '10.0.0.1' }]),
      signerName: signerNames.kubeletServing,
      usages: servingUsages,
      username: 'system:node:two',
      groups: ['system:nodes'],
    }
    api.seed(certificateSigningRequests, { metadata: { name: 'c' }, spec })
    assert.equal((await csrWith(api, 'nothing'))?.status, undefined)
  })

  it('fail an approved request that breaks the rules of its signer', async () => {
    const { api, stack } = await start()
    await using _ = stack
    const spec = {
      request: await requestPem([], 'CN=somebody'),
      signerName: signerNames.kubeletServing,
      usages: servingUsages,
    }
    const conditions = [{ type: 'Approved', status: 'True' }]
    api.seed(certificateSigningRequests, { metadata: { name: 'c' }, spec, status: { conditions } })
    const csr = await csrWith(api, 'failure')
    const failed = csr?.status?.conditions?.[1]
    assert.equal(failed?.reason, 'SignerValidationFailure')
    assert.equal(failed.message, 'subject organization is not system:nodes')
  })
})

describe('startCsrCleaner', () => {
  const hour = 3_600_000
  const at = '2026-01-01T00:00:00Z'
  const atMs = Date.parse(at)
  const spec = { request: '', signerName: 'x' }
  const metadata = { name: 'c', uid: 'u', creationTimestamp: at }
  const after = (type: string, hours: number, certificate = '') => {
    const conditions = [{ type, status: 'True', lastUpdateTime: at }]
    return isOutdated({ metadata, spec, status: { conditions, certificate } }, atMs + hours * hour)
  }

  it('keeps each kind of request for its time', () => {
    assert.equal(isOutdated({ metadata, spec }, atMs + 24 * hour), false)
    assert.equal(isOutdated({ metadata, spec }, atMs + 25 * hour), true)
    assert.deepEqual([after('Denied', 1), after('Denied', 2)], [false, true])
    assert.deepEqual([after('Failed', 1), after('Failed', 2)], [false, true])
    assert.deepEqual([after('Approved', 24), after('Approved', 25)], [false, true])
    assert.deepEqual([after('Approved', 1, 'eA=='), after('Approved', 2, 'eA==')], [false, true])
  })

  it('removes what is out of date', async () => {
    const clock = new FakeClock()
    const api = new FakeClusterApi(clock)
    api.seed(certificateSigningRequests, { metadata: { name: 'c' }, spec })
    await using _ = startCsrCleaner({ api, clock, log: silentLogger })
    await clock.advance(24 * hour)
    assert.equal(api.list(certificateSigningRequests).length, 1)
    await clock.advance(2 * hour)
    assert.equal(api.list(certificateSigningRequests).length, 0)
  })
})
