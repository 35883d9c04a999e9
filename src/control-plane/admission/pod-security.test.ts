// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addObject } from '../../../test/support/add-object.ts'
import { admissionBench } from '../../../test/support/admission-bench.ts'
import { podSecurity } from './pod-security.ts'

const name = 'strict'
const label = (mode: string): string => `pod-security.kubernetes.io/${mode}`

function bench(labels: Readonly<Record<string, string>>) {
  const made = admissionBench(podSecurity)
  const full = Object.entries(labels).map(([key, value]) => [label(key), value])
  addObject(made.store, 'namespaces', { metadata: { name, labels: Object.fromEntries(full) } })
  return made
}

function podWith(spec: object = {}, more: object = {}) {
  const metadata = { name: 'web', namespace: name, ...more }
  return { metadata, spec: { containers: [{ name: 'main', image: 'a' }], ...spec } }
}

const onHost = podWith({ hostNetwork: true })
const detail = 'host namespaces (hostNetwork=true)'

test('a pod that violates what its namespace enforces is refused', () => {
  const { validate, warnings } = bench({ enforce: 'baseline', 'enforce-version': 'v1.30' })
  assert.throws(() => validate({ target: 'pods', object: onHost }), {
    code: 403,
    message: `pods "web" is forbidden: violates PodSecurity "baseline:v1.30": ${detail}`,
  })
  assert.deepEqual(warnings, [])
  validate({ target: 'pods', object: podWith() })
  validate({ target: 'pods/status', object: onHost, old: onHost })
  validate({ target: 'pods', operation: 'DELETE', old: onHost })
})

test('others, and the templates of workloads, are warned of', () => {
  const { validate, warnings } = bench({ enforce: 'privileged', warn: 'baseline' })
  const sentence = `would violate PodSecurity "baseline:latest": ${detail}`
  validate({ target: 'pods', object: onHost })
  const { spec } = onHost
  const made = { metadata: { name: 'web', namespace: name } }
  const template = { spec }
  const workloads = {
    'deployments.apps': { spec: { template } },
    'jobs.batch': { spec: { template } },
    'cronjobs.batch': { spec: { jobTemplate: { spec: { template } } } },
    podtemplates: { template },
  }
  for (const [target, more] of Object.entries(workloads)) {
    validate({ target, object: { ...made, ...more } })
  }
  assert.deepEqual(warnings, Array(5).fill(sentence))
  validate({ target: 'deployments.apps/scale', object: { ...made, spec: { template } } })
  validate({ target: 'services', object: made })
  assert.equal(warnings.length, 5)
})

test('workloads whose pods would be refused are only warned of', () => {
  const { validate, warnings } = bench({ enforce: 'baseline' })
  const object = { metadata: { name: 'web', namespace: name }, spec: { template: onHost } }
  validate({ target: 'deployments.apps', object })
  assert.deepEqual(warnings, [`would violate PodSecurity "baseline:latest": ${detail}`])
})

test('an update matters only when containers or images change', () => {
  const { validate } = bench({ enforce: 'baseline' })
  const image = (is: string) => ({ hostNetwork: true, containers: [{ name: 'main', image: is }] })
  const labelled = podWith({ hostNetwork: true }, { labels: { a: 'b' } })
  validate({ target: 'pods', object: labelled, old: onHost })
  const next = podWith(image('b'))
  assert.throws(() => validate({ target: 'pods', object: next, old: onHost }), { code: 403 })
  const debug = podWith({ hostNetwork: true, ephemeralContainers: [{ name: 'd', image: 'a' }] })
  const change = { target: 'pods/ephemeralcontainers', object: debug, old: onHost }
  assert.throws(() => validate(change), { code: 403 })
  validate({ ...change, old: debug })
})

test('labels of a namespace that mean nothing are refused where they are new', () => {
  const { validate } = admissionBench(podSecurity)
  const wrong = { metadata: { name, labels: { [label('enforce')]: 'none' } } }
  assert.throws(() => validate({ target: 'namespaces', object: wrong }), {
    code: 422,
    message:
      /metadata\.labels\[pod-security\.kubernetes\.io\/enforce\]: Invalid value: "none": must be one of /,
  })
  const labelled = { metadata: { name, labels: { ...wrong.metadata.labels, other: 'x' } } }
  validate({ target: 'namespaces', object: labelled, old: wrong })
  validate({ target: 'namespaces/status', object: wrong })
})

test('a namespace that becomes stricter is told of the pods that it would not take again', () => {
  const { validate, warnings, store } = bench({})
  const owner = { uid: 'set', controller: true }
  for (const [pod, more] of [
    ['b', { ownerReferences: [owner] }],
    ['a', { ownerReferences: [owner] }],
    ['c', {}],
    ['lone', {}],
  ] as const) {
    const spec = pod === 'lone' ? { hostPID: true, hostNetwork: true } : { hostNetwork: true }
    const container = {
      name: 'main',
      image: 'a',
      ...(pod === 'lone' && { ports: [{ hostPort: 1 }] }),
    }
    addObject(store, 'pods', podWith({ ...spec, containers: [container] }, { name: pod, ...more }))
  }
  const namespace = (level: string) => ({
    metadata: { name, labels: { [label('enforce')]: level } },
  })
  const change = (object: object, old: object) => validate({ target: 'namespaces', object, old })
  change(namespace('baseline'), namespace('restricted'))
  change(namespace('privileged'), namespace('restricted'))
  change(namespace('baseline'), namespace('baseline'))
  assert.deepEqual(warnings, [])
  change(namespace('baseline'), { metadata: { name } })
  assert.deepEqual(warnings, [
    'existing pods in namespace "strict" violate the new PodSecurity enforce level "baseline:latest"',
    'a (and 2 other pods): host namespaces',
    'lone: host namespaces, hostPort',
  ])
})
