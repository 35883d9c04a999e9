// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../kube/types.gen.ts'
import { containerStatus, testPod } from '../../test/support/test-pods.ts'
import type { TestPodOptions } from '../../test/support/test-pods.ts'
import { judgePod } from './judge-pod.ts'
import type { JudgeContext, Judgement } from './judge-pod.ts'

const allocatable = { cpu: '1', memory: '1Gi', pods: '2', 'ephemeral-storage': '1Gi' }
const node = { name: 'node', os: 'linux', labels: {}, allocatable, taints: [] }

function judge(pod: Pod, change: Partial<JudgeContext> = {}): Judgement {
  const features = { restartPolicy: true }
  const context = { node, features, featureCheck: 'strict', others: [], isDraining: false } as const
  return judgePod(pod, { ...context, ...change })
}

const needy: TestPodOptions = {
  spec: {
    hostNetwork: true,
    containers: [{ name: 'main', image: 'image', workingDir: '/tmp', tty: true }],
  },
}

test('admits without a word what the backend can do', () => {
  assert.deepEqual(judge(testPod()), { verdict: { kind: 'admitted' }, events: [] })
})

test('names every field that the backend cannot honour, in pod and event alike', () => {
  const { verdict, events } = judge(testPod(needy))
  assert.equal(verdict.kind, 'unsupported')
  const { message } = verdict
  for (const field of ['hostNetwork', 'workingDir', 'tty']) assert.ok(message.includes(field))
  assert.deepEqual(events, [{ type: 'Warning', reason: 'UnsupportedPodSpec', message }])
})

test('does not repeat after a restart what the pod says already', () => {
  const pod = testPod(needy)
  const { verdict } = judge(pod)
  assert.equal(verdict.kind, 'unsupported')
  const state = { waiting: { reason: 'UnsupportedPodSpec', message: verdict.message } }
  const status = { ...containerStatus({ hasEnded: false, exitCode: 0 }), state }
  const again = judge({ ...pod, status: { containerStatuses: [status] } })
  assert.equal(again.verdict.kind, 'unsupported')
  assert.deepEqual(again.events, [])
})

test('runs what a lenient node or a lenient pod asks for, and tells what is left out', () => {
  const annotations = { 'virtual-kubelet.io/feature-check': 'lenient' }
  const byPod = judge(testPod({ ...needy, annotations }))
  const byNode = judge(testPod(needy), { featureCheck: 'lenient' })
  for (const { verdict, events } of [byPod, byNode]) {
    assert.equal(verdict.kind, 'admitted')
    assert.equal(events[0]?.reason, 'IgnoredPodFields')
    assert.equal(events[0]?.type, 'Warning')
  }
  const strict = { 'virtual-kubelet.io/feature-check': 'strict' }
  const pod = testPod({ ...needy, annotations: strict })
  assert.equal(judge(pod, { featureCheck: 'lenient' }).verdict.kind, 'unsupported')
})

test('never keeps a pod from running for the volume that admission added', () => {
  const sources = [{ serviceAccountToken: { path: 'token' } }]
  const volumes = [{ name: 'kube-api-access-abc', projected: { sources } }]
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
  const volumeMounts = [{ name: 'kube-api-access-abc', mountPath, readOnly: true }]
  const containers = [{ name: 'main', image: 'image', volumeMounts }]
  const pod = testPod({ spec: { volumes, containers } })
  const { verdict, events } = judge(pod)
  assert.equal(verdict.kind, 'admitted')
  assert.deepEqual(
    events.map(({ type, reason }) => [type, reason]),
    [['Normal', 'IgnoredPodFields']],
  )
  const features = { restartPolicy: true, serviceAccountVolume: true }
  assert.deepEqual(judge(pod, { features }).events, [])
})

test('does not judge a pod again that was admitted before', () => {
  const pod = testPod({ ...needy, status: { startTime: '2026-01-01T00:00:00Z' } })
  const judgement = judge(pod, { isDraining: true })
  assert.deepEqual(judgement, { verdict: { kind: 'admitted' }, events: [] })
})

test('rejects new pods while the node shuts down', () => {
  const { verdict, events } = judge(testPod(), { isDraining: true })
  assert.equal(verdict.kind, 'rejected')
  assert.equal(verdict.reason, 'NodeShutdown')
  assert.equal(events[0]?.message, 'Pod was rejected as the node is shutting down.')
})
