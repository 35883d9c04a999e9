// SPDX-License-Identifier: Apache-2.0
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from '../../storage/memory-store.ts'
import { addObject } from '../../../../test/support/add-object.ts'
import type { RelatedObject } from './node-graph.ts'
import { NodeGraph } from './node-graph.ts'

const names = ['a', 'b']
const name = fc.constantFrom(...names)
const node = fc.constantFrom('', 'n1', 'n2')
const pod = fc.record({
  name,
  node,
  secrets: fc.uniqueArray(name, { maxLength: 2 }),
  claims: fc.uniqueArray(name, { maxLength: 2 }),
  isMirror: fc.boolean(),
})
const volume = fc.record({ name, claim: fc.option(name, { nil: undefined }), secret: name })
const change = fc.oneof(
  pod.map((value) => ({ kind: 'pod' as const, value })),
  volume.map((value) => ({ kind: 'volume' as const, value })),
  name.map((value) => ({ kind: 'noPod' as const, value })),
  name.map((value) => ({ kind: 'noVolume' as const, value })),
)

const everything: readonly RelatedObject[] = names.flatMap((one) =>
  (['pods', 'secrets', 'persistentvolumeclaims', 'persistentvolumes'] as const).map((kind) => ({
    kind,
    namespace: kind === 'persistentvolumes' ? '' : 'default',
    name: one,
  })),
)

test('knows after any changes what it would know from the start', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 15 }), async (changes) => {
      const store = createMemoryStore()
      using graph = new NodeGraph(store)
      for (const { kind, value } of changes) {
        const namespace = 'default'
        if (kind === 'noPod') store.remove({ resource: 'pods', namespace, name: value })
        if (kind === 'noVolume') {
          store.remove({ resource: 'persistentvolumes', namespace: '', name: value })
        }
        if (kind === 'pod') {
          addObject(store, 'pods', {
            metadata: {
              namespace,
              name: value.name,
              ...(value.isMirror && { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
            },
            spec: {
              nodeName: value.node,
              imagePullSecrets: value.secrets.map((one) => ({ name: one })),
              containers: [],
              volumes: value.claims.map((claimName) => ({
                name: claimName,
                persistentVolumeClaim: { claimName },
              })),
            },
          })
        }
        if (kind === 'volume') {
          addObject(store, 'persistentvolumes', {
            metadata: { name: value.name },
            spec: {
              ...(value.claim !== undefined && { claimRef: { namespace, name: value.claim } }),
              csi: { driver: 'x', nodePublishSecretRef: { namespace, name: value.secret } },
            },
          })
        }
      }
      await store.durable()
      await new Promise(setImmediate)
      using fresh = new NodeGraph(store)
      for (const nodeName of ['n1', 'n2']) {
        for (const object of everything) {
          const expected = fresh.isRelated(nodeName, object)
          assert.equal(graph.isRelated(nodeName, object), expected, JSON.stringify(object))
        }
      }
    }),
  )
})
