// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { KubeObject } from '../objects/kube-object.ts'
import { apiVersionOf, resourceDefinitions, resourceOfKind } from './registry.ts'
import { validateChange, validateCreate } from './validate-object.ts'
import { tries } from '../../../test/support/test-size.ts'

const context = { user: { name: 'admin', groups: [] }, nowMs: 0 }
const kinds = resourceDefinitions
  .filter(({ isVirtual }) => !isVirtual)
  .map((resource) => [apiVersionOf(resource), resource.kind] as const)
const metadata = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1' }

/** Field names that the rules look at, so that random objects reach them. */
const names = fc.constantFrom(
  ...(
    'spec status template metadata containers volumes selector name image ports env rules subjects ' +
    'roleRef data limits hard taints type resources requests conditions containerStatuses affinity ' +
    'tolerations key valueFrom strategy rollingUpdate jobTemplate schedule subsets endpoints'
  ).split(' '),
)
const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthIdentifier: 'json' },
    fc.constantFrom(null, true, 0, -1, 1.5, '', 'a', '1Gi', '25%', 'x y'),
    fc.array(tie('value'), { maxLength: 3, depthIdentifier: 'json' }),
    fc.dictionary(names, tie('value'), { maxKeys: 6, depthIdentifier: 'json' }),
  ),
})).value

/** An object of each kind as it may be stored, for updates to start from. */
const stored = new Map(
  readFileSync(new URL('recorded/accepted.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly stored: KubeObject }).stored)
    .map((object) => [`${object.apiVersion} ${object.kind}`, object] as const),
)

function objectOf(apiVersion: string, kind: string, content: unknown): KubeObject {
  const fields = typeof content === 'object' && !Array.isArray(content) ? content : {}
  return { spec: content, ...fields, apiVersion, kind, metadata }
}

test('no rule of any kind fails on JSON of the wrong shape', () => {
  fc.assert(
    fc.property(fc.constantFrom(...kinds), anyJson, ([apiVersion, kind], content) => {
      const resource = resourceOfKind(apiVersion, kind) ?? assert.fail(kind)
      const { strategy } = resource
      const object = strategy.applyDefaults(objectOf(apiVersion, kind, content))
      const created = strategy.prepareForCreate(object, context)
      validateCreate(resource, created)
      strategy.warnings?.(created)
      const old = stored.get(`${apiVersion} ${kind}`)
      if (old === undefined) return
      for (const subresource of ['', ...resource.subresources.map(({ name }) => name)]) {
        const next = strategy.prepareForUpdate(object, old, subresource, context)
        validateChange(resource, { next, old }, subresource)
      }
    }),
    { numRuns: tries(2000, 400) },
  )
})

const label = fc.stringMatching(/^[a-z]([a-z0-9]{0,8})$/)
const amount = fc.constantFrom('100m', '1', '0.5', '1500m', 2)
const bytes = fc.constantFrom('64Mi', '1Gi', '1.5Gi', '1000000', '1e6')
const container = fc.record(
  {
    image: fc.constantFrom('nginx', 'nginx:1.2', 'localhost:5000/a:latest', 'a/b@sha256:00'),
    command: fc.array(fc.string(), { maxLength: 2 }),
    env: fc.array(fc.record({ name: label, value: fc.string() }), { maxLength: 2 }),
    ports: fc.array(fc.record({ containerPort: fc.integer({ min: 1, max: 65_535 }) }), {
      maxLength: 2,
    }),
    resources: fc.record({
      limits: fc.record({ cpu: amount, memory: bytes }, { requiredKeys: [] }),
    }),
    livenessProbe: fc.record({ httpGet: fc.record({ port: fc.integer({ min: 1, max: 9999 }) }) }),
    tty: fc.boolean(),
  },
  { requiredKeys: ['image'] },
)
const pod = fc
  .record({
    containers: fc.array(container, { minLength: 1, maxLength: 3 }),
    volumes: fc.uniqueArray(label, { maxLength: 3 }),
    labels: fc.dictionary(label, label, { maxKeys: 3 }),
    restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never', undefined),
  })
  .map(({ containers, volumes, labels, restartPolicy }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, labels },
    spec: {
      containers: containers.map((one, index) => ({ ...one, name: `c${index}` })),
      volumes: volumes.map((name) => ({ name })),
      ...(restartPolicy !== undefined && { restartPolicy }),
    },
  }))

test('pods as users write them are accepted, and completing them twice changes nothing', () => {
  const resource = resourceOfKind('v1', 'Pod') ?? assert.fail()
  fc.assert(
    fc.property(pod, (object) => {
      const complete = resource.strategy.applyDefaults(object)
      assert.equal(resource.strategy.applyDefaults(complete), complete)
      const prepared = resource.strategy.prepareForCreate(complete, context)
      assert.deepEqual(validateCreate(resource, prepared), [])
      assert.equal(resource.strategy.applyDefaults(prepared), prepared)
    }),
  )
})

test('an update that changes nothing keeps the generation and finds no fault', () => {
  const resource = resourceOfKind('v1', 'Pod') ?? assert.fail()
  fc.assert(
    fc.property(pod, (object) => {
      const old = resource.strategy.prepareForCreate(
        resource.strategy.applyDefaults(object),
        context,
      )
      const copy = JSON.parse(JSON.stringify(old)) as KubeObject
      for (const subresource of ['', 'status', 'ephemeralcontainers', 'resize']) {
        const next = resource.strategy.prepareForUpdate(copy, old, subresource, context)
        assert.equal(next.metadata.generation, 1)
        assert.deepEqual(validateChange(resource, { next, old }, subresource), [])
      }
    }),
  )
})
