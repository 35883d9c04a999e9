// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { test } from 'node:test'
import { addObject } from '../../../test/support/add-object.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { signerNames } from '../certificates/signer-names.ts'
import type { RequestDraft } from '../../../test/support/admission-bench.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { nodeRestriction } from './node-restriction.ts'

const user = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }
const nobody: Authorizer = { authorize: () => ({ allowed: false, reason: '' }) }
const audiences = ['https://kubernetes.default.svc']
const namespace = 'default'

function setUp(authorizer: Authorizer = nobody) {
  const bench = admissionBench(nodeRestriction({ authorizer, audiences }))
  addObject(bench.store, 'nodes', { metadata: { name: 'n1', uid: 'node-1' } })
  const sources = [
    { serviceAccountToken: { path: 'token' } },
    { serviceAccountToken: { path: 'vault', audience: 'vault' } },
  ]
  for (const [name, nodeName] of [
    ['mine', 'n1'],
    ['other', 'n2'],
  ] as const) {
    const volumes = [{ name: 'token', projected: { sources } }]
    const metadata = { namespace, name, uid: `${name}-uid` }
    addObject(bench.store, 'pods', { metadata, spec: { nodeName, volumes } })
  }
  return bench
}

const named = (name: string, more: object = {}) => ({ metadata: { namespace, name, ...more } })
const n1 = (spec: object = {}, more: object = {}) => ({ metadata: { name: 'n1', ...more }, spec })
const taint = { key: 'a', effect: 'NoSchedule' }
const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-1', controller: true }
const annotations = { 'kubernetes.io/config.mirror': 'x' }
const mirror = (spec: object = {}, more: object = {}) => ({
  metadata: { namespace, name: 'm', annotations, ownerReferences: [owner], ...more },
  spec: { nodeName: 'n1', containers: [], ...spec },
})
const bound = (name: string, spec: object = {}) => ({
  spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid: `${name}-uid` }, ...spec },
})
const token = (object: object): RequestDraft => ({
  target: 'serviceaccounts/token',
  namespace,
  name: 'builder',
  object,
})
const lease = (name: string, inNamespace = 'kube-node-lease') => ({
  target: 'leases.coordination.k8s.io',
  object: { metadata: { name, namespace: inNamespace } },
})
const status = (next: object, old: object): RequestDraft => ({
  target: 'pods/status',
  object: next,
  old,
})
const onNode = (nodeName: string, more: object = {}) => ({
  ...named('mine'),
  spec: { nodeName },
  ...more,
})

const allowed: readonly RequestDraft[] = [
  { target: 'nodes', object: n1({ taints: [taint] }, { labels: { type: 'virtual-kubelet' } }) },
  { target: 'nodes/status', object: n1({ taints: [taint] }), old: n1({ taints: [taint] }) },
  { target: 'pods', object: mirror() },
  { target: 'pods', operation: 'DELETE', old: onNode('n1') },
  status(onNode('n1', { status: { phase: 'Running' } }), onNode('n1')),
  { target: 'pods/eviction', object: named('mine') },
  token(bound('mine')),
  token(bound('mine', { audiences: ['vault'] })),
  token(bound('mine', { audiences })),
  lease('n1'),
  { target: 'csinodes.storage.k8s.io', object: n1() },
  { target: 'events', object: named('e') },
  {
    target: 'persistentvolumeclaims/status',
    object: { ...named('c'), status: { phase: 'Bound', capacity: { storage: '2Gi' } } },
    old: { ...named('c'), status: { phase: 'Bound' } },
  },
]

const prefix = 'node "n1"'
const refused: readonly (readonly [RequestDraft, string])[] = [
  [
    { target: 'nodes', object: { metadata: { name: 'n2' } } },
    'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
  ],
  [
    { target: 'nodes', object: n1({ taints: [] }), old: n1({ taints: [taint] }) },
    `nodes "n1" is forbidden: ${prefix} is not allowed to modify taints`,
  ],
  [
    { target: 'nodes', object: n1({}, { ownerReferences: [owner] }), old: n1() },
    `nodes "n1" is forbidden: ${prefix} is not allowed to modify ownerReferences`,
  ],
  [
    { target: 'nodes', object: n1({ configSource: {} }), old: n1() },
    `nodes "n1" is forbidden: ${prefix} is not allowed to update configSource to a new non-nil configSource`,
  ],
  [
    { target: 'pods', object: { ...mirror(), metadata: { namespace, name: 'm' } } },
    `pods "m" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, ${prefix} can only create mirror pods`,
  ],
  [
    { target: 'pods', object: mirror({ nodeName: 'n2' }) },
    `pods "m" is forbidden: ${prefix} can only create pods with spec.nodeName set to itself`,
  ],
  [
    { target: 'pods', object: mirror({}, { ownerReferences: [] }) },
    `pods "m" is forbidden: ${prefix} can only create pods with an owner reference set to itself`,
  ],
  [
    { target: 'pods', object: mirror({}, { ownerReferences: [owner, owner] }) },
    `pods "m" is forbidden: ${prefix} can only create pods with a single owner reference set to itself`,
  ],
  [
    { target: 'pods', object: mirror({}, { ownerReferences: [{ ...owner, controller: false }] }) },
    `pods "m" is forbidden: ${prefix} can only create pods with a controller owner reference set to itself`,
  ],
  [
    { target: 'pods', object: mirror({}, { ownerReferences: [{ ...owner, uid: 'x' }] }) },
    'pods "m" is forbidden: node n1 UID mismatch: expected x got node-1',
  ],
  [
    { target: 'pods', object: mirror({ serviceAccountName: 'default' }) },
    `pods "m" is forbidden: ${prefix} can not create pods that reference serviceaccounts`,
  ],
  [
    { target: 'pods', object: mirror({ volumes: [{ name: 'a', ephemeral: {} }] }) },
    `pods "m" is forbidden: ${prefix} can not create pods that reference persistentvolumeclaims (via ephemeral volumes)`,
  ],
  [
    { target: 'pods', operation: 'DELETE', old: onNode('n2') },
    `pods "mine" is forbidden: ${prefix} can only delete pods with spec.nodeName set to itself`,
  ],
  [
    { target: 'pods', object: onNode('n1'), old: onNode('n1') },
    `pods "mine" is forbidden: unexpected operation "UPDATE", ${prefix} can only create and delete mirror pods`,
  ],
  [
    status(onNode('n2'), onNode('n2')),
    `pods "mine" is forbidden: ${prefix} can only update pod status for pods with spec.nodeName set to itself`,
  ],
  [
    status({ ...onNode('n1'), ...named('mine', { labels: { a: 'b' } }) }, onNode('n1')),
    `pods "mine" is forbidden: ${prefix} cannot update labels through pod status`,
  ],
  [
    status(onNode('n1', { status: { resourceClaimStatuses: [{ name: 'a' }] } }), onNode('n1')),
    `pods "mine" is forbidden: ${prefix} cannot update resource claim statues`,
  ],
  [
    { target: 'pods/ephemeralcontainers', object: onNode('n1'), old: onNode('n1') },
    `pods "mine" is forbidden: unexpected pod subresource "ephemeralcontainers", only 'status' and 'eviction' are allowed`,
  ],
  [
    { target: 'pods/eviction', object: named('other') },
    'pods "other" is forbidden: node n1 can only evict pods with spec.nodeName set to itself',
  ],
  [{ target: 'pods/eviction', object: named('none') }, 'pods "none" not found'],
  [
    token({ spec: {} }),
    'serviceaccounts "builder" is forbidden: node requested token not bound to a pod',
  ],
  [
    token({ spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'mine' } } }),
    'serviceaccounts "builder" is forbidden: node requested token with a pod binding without a uid',
  ],
  [
    token(bound('other')),
    'serviceaccounts "builder" is forbidden: node requested token bound to a pod scheduled on a different node',
  ],
  [
    token(bound('mine', { audiences: ['a', 'b'] })),
    'serviceaccounts "builder" is forbidden: node may only request 0 or 1 audiences',
  ],
  [
    token(bound('mine', { audiences: ['bank'] })),
    'serviceaccounts "builder" is forbidden: audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  ],
  [token(bound('none')), 'pods "none" not found'],
  [
    lease('n2'),
    'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node',
  ],
  [
    lease('n1', 'default'),
    'leases.coordination.k8s.io "n1" is forbidden: can only access leases in the "kube-node-lease" system namespace',
  ],
  [
    { target: 'csinodes.storage.k8s.io', object: named('n2') },
    'csinodes.storage.k8s.io "n2" is forbidden: can only access CSINode with the same name as the requesting node',
  ],
  [
    { target: 'persistentvolumeclaims', object: named('c'), old: named('c') },
    'persistentvolumeclaims "c" is forbidden: may only update PVC status',
  ],
]

test('lets a node write what is its own', () => {
  const { mutate, validate } = setUp()
  for (const draft of allowed) {
    validate({ ...draft, user })
    if (draft.operation !== 'DELETE') mutate({ ...draft, user })
  }
})

test('refuses the rest in the words of the API, and concerns nobody else', () => {
  const { validate } = setUp()
  for (const [draft, message] of refused) {
    assert.throws(() => validate({ ...draft, user }), { message })
    validate(draft)
  }
})

test('lets a role widen the audiences', () => {
  const asked: unknown[] = []
  const { validate } = setUp({
    authorize: (_, { name, resource, verb }) => {
      asked.push([verb, resource, name])
      return { allowed: true, reason: '' }
    },
  })
  validate({ ...token(bound('mine', { audiences: ['bank'] })), user })
  assert.deepEqual(asked, [['request-serviceaccounts-token-audience', 'bank', 'builder']])
})

const labels: readonly (readonly [string, boolean])[] = [
  ['type', true],
  ['example.com/rack', true],
  ['kubernetes.io/hostname', true],
  ['kubernetes.io/os', true],
  ['kubernetes.io/arch', true],
  ['beta.kubernetes.io/os', true],
  ['beta.kubernetes.io/arch', true],
  ['beta.kubernetes.io/instance-type', true],
  ['node.kubernetes.io/instance-type', true],
  ['topology.kubernetes.io/zone', true],
  ['topology.kubernetes.io/region', true],
  ['failure-domain.beta.kubernetes.io/zone', true],
  ['kubelet.kubernetes.io/a', true],
  ['a.kubelet.kubernetes.io/a', true],
  ['a.node.kubernetes.io/a', true],
  ['node-role.kubernetes.io/worker', false],
  ['kubernetes.io/role', false],
  ['foo.k8s.io/a', false],
  ['node-restriction.kubernetes.io/a', false],
  ['a.node-restriction.kubernetes.io/a', false],
]

test('lets a node set only harmless labels', () => {
  const { validate } = setUp()
  for (const [label, isAllowed] of labels) {
    const object = n1({}, { labels: { [label]: 'x' } })
    const create = () => validate({ target: 'nodes', object, user })
    const update = () => validate({ target: 'nodes', object: n1(), old: object, user })
    if (isAllowed) {
      create()
      update()
      continue
    }
    const start = 'nodes "n1" is forbidden:'
    assert.throws(create, {
      message: `${start} ${prefix} is not allowed to set the following labels: ${label}`,
    })
    assert.throws(update, { message: `${start} is not allowed to modify labels: ${label}` })
  }
})

test('lets a node ask only for certificates of its own name', async () => {
  const { validate } = setUp()
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = async (name: string, signerName: string): Promise<RequestDraft> => {
    const options = { name, keys, signingAlgorithm: algorithm }
    const csr = await x509.Pkcs10CertificateRequestGenerator.create(options)
    const pem = Buffer.from(csr.toString('pem')).toString('base64')
    const object = { metadata: { name: 'csr' }, spec: { signerName, request: pem } }
    return { target: 'certificatesigningrequests.certificates.k8s.io', object, user }
  }
  const own = 'CN=system:node:n1, O=system:nodes'
  const other = 'CN=system:node:n2, O=system:nodes'
  validate(await request(own, signerNames.kubeletClient))
  validate(await request(other, signerNames.client))
  for (const signer of [signerNames.kubeletClient, signerNames.kubeletServing]) {
    const draft = await request(other, signer)
    assert.throws(() => validate(draft), /can only create a node CSR with CN=system:node:n1$/)
  }
})
