// SPDX-License-Identifier: Apache-2.0
// The rows of what a node may do; admission, which sees the objects, has the rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from '../../storage/memory-store.ts'
import type { Store } from '../../storage/store.ts'
import { addObject } from '../../../../test/support/add-object.ts'
import type { RequestAttributes } from '../authorizer.ts'
import { pathAttributes, resourceAttributes } from '../authorizer.ts'
import { NodeAuthorizer } from './node-authorizer.ts'
import { NodeGraph } from './node-graph.ts'

const node = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }
const unrelated = "no relationship found between node 'n1' and this object"

async function settled(store: Store): Promise<void> {
  await store.durable()
  await new Promise(setImmediate)
}

function addPod(store: Store, name: string, nodeName: string, more: object = {}): void {
  addObject(store, 'pods', {
    kind: 'Pod',
    metadata: { namespace: 'default', name },
    spec: {
      nodeName,
      serviceAccountName: `${name}-account`,
      imagePullSecrets: [{ name: `${name}-pull` }],
      containers: [
        {
          name: 'main',
          envFrom: [
            { configMapRef: { name: `${name}-env` } },
            { secretRef: { name: `${name}-env` } },
          ],
          env: [
            { name: 'A', valueFrom: { secretKeyRef: { name: `${name}-key`, key: 'a' } } },
            { name: 'B', valueFrom: { configMapKeyRef: { name: `${name}-key`, key: 'b' } } },
          ],
        },
      ],
      initContainers: [{ name: 'init', envFrom: [{ secretRef: { name: `${name}-init` } }] }],
      volumes: [
        { name: 'a', secret: { secretName: `${name}-volume` } },
        { name: 'b', configMap: { name: `${name}-volume` } },
        {
          name: 'c',
          projected: {
            sources: [
              { secret: { name: `${name}-projected` } },
              { configMap: { name: `${name}-projected` } },
            ],
          },
        },
        { name: 'd', persistentVolumeClaim: { claimName: `${name}-claim` } },
        { name: 'e', ephemeral: { volumeClaimTemplate: { spec: {} } } },
        { name: 'f', csi: { driver: 'x', nodePublishSecretRef: { name: `${name}-csi` } } },
      ],
    },
    ...more,
  })
}

function setUp() {
  const store = createMemoryStore()
  addPod(store, 'mine', 'n1')
  addPod(store, 'other', 'n2')
  for (const name of ['mine', 'other']) {
    addObject(store, 'persistentvolumes', {
      kind: 'PersistentVolume',
      metadata: { name: `${name}-pv` },
      spec: {
        claimRef: { namespace: 'default', name: `${name}-claim` },
        csi: {
          driver: 'x',
          nodeStageSecretRef: { name: `${name}-stage`, namespace: 'storage' },
          controllerPublishSecretRef: { name: `${name}-controller`, namespace: 'storage' },
        },
      },
    })
  }
  const graph = new NodeGraph(store)
  const authorizer = new NodeAuthorizer(graph)
  return { store, graph, authorizer }
}

type Row = readonly [
  verb: string,
  resource: string,
  more: Partial<RequestAttributes>,
  reason: string | undefined,
]

const mine = { namespace: 'default' }
const onNode = (name: string) => [{ key: 'spec.nodeName', operator: '=', values: [name] }] as const
const leases = { group: 'coordination.k8s.io', namespace: 'kube-node-lease' }
const csi = { group: 'storage.k8s.io' }
const csrs = { group: 'certificates.k8s.io' }
const slices = { group: 'resource.k8s.io' }
const ownLease = 'can only access node lease with the same name as the requesting node'
const ownCsi = 'can only access CSINode with the same name as the requesting node'

const rows: readonly Row[] = [
  // nodes
  ['create', 'nodes', {}, undefined],
  ['get', 'nodes', { name: 'n1' }, undefined],
  ['list', 'nodes', { name: 'n1' }, undefined],
  ['watch', 'nodes', { name: 'n1' }, undefined],
  ['list', 'nodes', {}, "node 'n1' cannot read all nodes, only its own Node object"],
  ['get', 'nodes', { name: 'n2' }, "node 'n1' cannot read 'n2', only its own Node object"],
  ['update', 'nodes', { name: 'n1' }, undefined],
  ['patch', 'nodes', { name: 'n1', subresource: 'status' }, undefined],
  ['get', 'nodes', { name: 'n1', subresource: 'proxy' }, ''],
  ['delete', 'nodes', { name: 'n1' }, ''],
  // pods
  ['list', 'pods', { fieldSelector: onNode('n1') }, undefined],
  ['watch', 'pods', { ...mine, fieldSelector: onNode('n1') }, undefined],
  ['list', 'pods', {}, 'can only list/watch pods with spec.nodeName field selector'],
  [
    'list',
    'pods',
    { fieldSelector: onNode('n2') },
    'can only list/watch pods with spec.nodeName field selector',
  ],
  ['watch', 'pods', { ...mine, name: 'mine' }, undefined],
  ['watch', 'pods', { ...mine, name: 'other' }, unrelated],
  ['get', 'pods', { ...mine, name: 'mine' }, undefined],
  ['get', 'pods', { ...mine, name: 'other' }, unrelated],
  ['get', 'pods', { ...mine, name: 'none' }, unrelated],
  ['create', 'pods', mine, undefined],
  ['delete', 'pods', { ...mine, name: 'mine' }, undefined],
  ['update', 'pods', { ...mine, name: 'mine' }, ''],
  ['deletecollection', 'pods', mine, ''],
  ['patch', 'pods', { ...mine, name: 'mine', subresource: 'status' }, undefined],
  ['update', 'pods', { ...mine, name: 'mine', subresource: 'status' }, undefined],
  ['get', 'pods', { ...mine, name: 'mine', subresource: 'status' }, ''],
  ['create', 'pods', { ...mine, name: 'mine', subresource: 'eviction' }, undefined],
  ['create', 'pods', { ...mine, name: 'mine', subresource: 'binding' }, ''],
  ['create', 'pods', { ...mine, name: 'mine', subresource: 'exec' }, ''],
  // secrets and configmaps
  ...['pull', 'env', 'key', 'init', 'volume', 'projected', 'csi'].map((part): Row => [
    'get',
    'secrets',
    { ...mine, name: `mine-${part}` },
    undefined,
  ]),
  ...['env', 'key', 'volume', 'projected'].map((part): Row => [
    'get',
    'configmaps',
    { ...mine, name: `mine-${part}` },
    undefined,
  ]),
  ['list', 'secrets', { ...mine, name: 'mine-env' }, undefined],
  ['watch', 'configmaps', { ...mine, name: 'mine-env' }, undefined],
  ['list', 'secrets', mine, 'No Object name found'],
  ['list', 'secrets', {}, 'can only read namespaced object of this type'],
  ['get', 'secrets', { ...mine, name: 'other-env' }, unrelated],
  ['get', 'configmaps', { namespace: 'elsewhere', name: 'mine-env' }, unrelated],
  ['get', 'configmaps', { ...mine, name: 'mine-pull' }, unrelated],
  ['update', 'secrets', { ...mine, name: 'mine-env' }, 'can only read resources of this type'],
  ['get', 'secrets', { namespace: 'storage', name: 'mine-stage' }, undefined],
  ['get', 'secrets', { namespace: 'storage', name: 'other-stage' }, unrelated],
  ['get', 'secrets', { namespace: 'storage', name: 'mine-controller' }, unrelated],
  // claims and volumes
  ['get', 'persistentvolumeclaims', { ...mine, name: 'mine-claim' }, undefined],
  ['get', 'persistentvolumeclaims', { ...mine, name: 'mine-e' }, undefined],
  ['get', 'persistentvolumeclaims', { ...mine, name: 'other-claim' }, unrelated],
  [
    'list',
    'persistentvolumeclaims',
    { ...mine, name: 'mine-claim' },
    'can only get individual resources of this type',
  ],
  [
    'patch',
    'persistentvolumeclaims',
    { ...mine, name: 'mine-claim', subresource: 'status' },
    undefined,
  ],
  [
    'patch',
    'persistentvolumeclaims',
    { ...mine, name: 'other-claim', subresource: 'status' },
    unrelated,
  ],
  ['get', 'persistentvolumes', { name: 'mine-pv' }, undefined],
  ['get', 'persistentvolumes', { name: 'other-pv' }, unrelated],
  ['get', 'volumeattachments', { ...csi, name: 'a' }, unrelated],
  // service accounts
  ['get', 'serviceaccounts', { ...mine, name: 'mine-account' }, undefined],
  ['get', 'serviceaccounts', { ...mine, name: 'other-account' }, unrelated],
  ['create', 'serviceaccounts', { ...mine, name: 'mine-account', subresource: 'token' }, undefined],
  [
    'create',
    'serviceaccounts',
    { ...mine, name: 'other-account', subresource: 'token' },
    unrelated,
  ],
  ['create', 'serviceaccounts', mine, 'can only create tokens for individual service accounts'],
  // leases and csinodes
  ['create', 'leases', leases, undefined],
  ['get', 'leases', { ...leases, name: 'n1' }, undefined],
  ['update', 'leases', { ...leases, name: 'n1' }, undefined],
  ['delete', 'leases', { ...leases, name: 'n1' }, undefined],
  ['update', 'leases', { ...leases, name: 'n2' }, ownLease],
  ['list', 'leases', leases, 'can only get, create, update, patch, or delete a node lease'],
  [
    'get',
    'leases',
    { ...leases, namespace: 'kube-system', name: 'n1' },
    'can only access leases in the "kube-node-lease" system namespace',
  ],
  ['patch', 'csinodes', { ...csi, name: 'n1' }, undefined],
  ['patch', 'csinodes', { ...csi, name: 'n2' }, ownCsi],
  ['list', 'resourceslices', { ...slices, fieldSelector: onNode('n1') }, undefined],
  [
    'list',
    'resourceslices',
    slices,
    'can only list/watch/deletecollection resourceslices with nodeName field selector',
  ],
  // the same for all nodes
  ['list', 'services', {}, undefined],
  ['watch', 'runtimeclasses', { group: 'node.k8s.io' }, undefined],
  ['watch', 'csidrivers', csi, undefined],
  ['create', 'events', mine, undefined],
  ['patch', 'events', { ...mine, name: 'e' }, undefined],
  ['list', 'events', mine, ''],
  ['create', 'certificatesigningrequests', csrs, undefined],
  ['watch', 'certificatesigningrequests', csrs, undefined],
  ['create', 'tokenreviews', { group: 'authentication.k8s.io' }, undefined],
  ['create', 'subjectaccessreviews', { group: 'authorization.k8s.io' }, undefined],
  // not readable
  ['list', 'namespaces', {}, ''],
  ['list', 'endpointslices', { group: 'discovery.k8s.io' }, ''],
  ['list', 'limitranges', {}, ''],
  ['list', 'priorityclasses', { group: 'scheduling.k8s.io' }, ''],
]

test('lets a node do what its own pods need, and says why not more', () => {
  const { authorizer } = setUp()
  for (const [verb, resource, more, reason] of rows) {
    const decision = authorizer.authorize(node, resourceAttributes({ verb, resource, ...more }))
    const expected = { allowed: reason === undefined, reason: reason ?? '' }
    assert.deepEqual(decision, expected, JSON.stringify([verb, resource, more]))
  }
})

test('has no opinion about other users, and none about nodes without a name', () => {
  const { authorizer } = setUp()
  const attributes = resourceAttributes({ verb: 'list', resource: 'services' })
  const outsider = { name: 'system:node:n1', groups: [] }
  assert.deepEqual(authorizer.authorize(outsider, attributes), { allowed: false, reason: '' })
  const nameless = { ...node, name: 'system:node:' }
  assert.deepEqual(authorizer.authorize(nameless, attributes), {
    allowed: false,
    reason: 'unknown node for user "system:node:"',
  })
  const path = pathAttributes('get', '/metrics')
  assert.deepEqual(authorizer.authorize(node, path), { allowed: false, reason: '' })
})

test('follows pods as they are bound, gain containers, and go', async () => {
  const { graph, store } = setUp()
  const secret = (name: string) => ({ kind: 'secrets', namespace: 'default', name }) as const
  addPod(store, 'new', '')
  await settled(store)
  assert.equal(graph.isRelated('n1', secret('new-env')), false)
  addPod(store, 'new', 'n1')
  await settled(store)
  assert.equal(graph.isRelated('n1', secret('new-env')), true)
  const ephemeralContainers = [{ name: 'debug', envFrom: [{ secretRef: { name: 'debug' } }] }]
  const { object } = store.get({ resource: 'pods', namespace: 'default', name: 'new' }) ?? {}
  const spec = { ...(object?.['spec'] as object), ephemeralContainers }
  addPod(store, 'new', 'n1', { spec })
  await settled(store)
  assert.equal(graph.isRelated('n1', secret('debug')), true)
  store.remove({ resource: 'pods', namespace: 'default', name: 'new' })
  await settled(store)
  assert.equal(graph.isRelated('n1', secret('new-env')), false)
  assert.equal(graph.isRelated('n1', secret('debug')), false)
  store.remove({ resource: 'persistentvolumes', namespace: '', name: 'mine-pv' })
  await settled(store)
  assert.equal(
    graph.isRelated('n1', { kind: 'secrets', namespace: 'storage', name: 'mine-stage' }),
    false,
  )
})

test('keeps a secret readable until the last pod that needs it is gone', async () => {
  const { graph, store } = setUp()
  const shared = { kind: 'secrets', namespace: 'default', name: 'shared' } as const
  const spec = {
    nodeName: 'n1',
    containers: [{ name: 'main', envFrom: [{ secretRef: { name: 'shared' } }] }],
  }
  addPod(store, 'a', 'n1', { spec })
  addPod(store, 'b', 'n1', { spec })
  await settled(store)
  store.remove({ resource: 'pods', namespace: 'default', name: 'a' })
  await settled(store)
  assert.equal(graph.isRelated('n1', shared), true)
  store.remove({ resource: 'pods', namespace: 'default', name: 'b' })
  await settled(store)
  assert.equal(graph.isRelated('n1', shared), false)
})

test('gives a node nothing for pods that it made up itself', async () => {
  const { graph, store } = setUp()
  const annotations = { 'kubernetes.io/config.mirror': 'x' }
  addPod(store, 'mirror', 'n1', { metadata: { namespace: 'default', name: 'mirror', annotations } })
  await settled(store)
  const namespace = 'default'
  assert.equal(graph.isRelated('n1', { kind: 'pods', namespace, name: 'mirror' }), true)
  assert.equal(graph.isRelated('n1', { kind: 'secrets', namespace, name: 'mirror-env' }), false)
})
