// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Container } from '../../kube/types.gen.ts'
import {
  containerHealth,
  verdictsAfter,
  verdictsOfStatus,
  wantedProbes,
} from './container-health.ts'
import type { ContainerRecord } from './container-record.ts'

const probe = { exec: { command: ['true'] } }
const all = { startupProbe: probe, livenessProbe: probe, readinessProbe: probe }
const started: ContainerRecord = { attempt: 2, stage: 'started', image: 'i' }
const doom = { cause: 'changed', message: 'm', deadlineMs: 0 } as const

function look(
  spec: Partial<Container>,
  record: ContainerRecord,
  isEnding = false,
): { health: unknown; wanted: readonly string[] } {
  const pod = buildPod({ spec: { containers: [buildContainer(spec)] } })
  const containers = { main: record }
  return {
    health: containerHealth(pod, containers).get('main'),
    wanted: wantedProbes(pod, { containers, isEnding }).map(({ kind }) => kind),
  }
}

test('a container begins neither started nor ready where it has probes for that', () => {
  assert.deepEqual(look(all, started).health, { started: false, ready: false })
  assert.deepEqual(look({ livenessProbe: probe }, started).health, { started: true, ready: true })
  assert.deepEqual(look({ readinessProbe: probe }, started).health, { started: true, ready: false })
  assert.equal(look({}, started).health, undefined)
  assert.equal(look(all, { ...started, stage: 'begun' }).health, undefined)
})

test('what is asked follows from what is known', () => {
  const up = { ...started, health: { started: true } }
  const failed = { probe: 'liveness' } as const
  assert.deepEqual(look(all, started).wanted, ['startup'])
  assert.deepEqual(look(all, up).wanted, ['liveness', 'readiness'])
  assert.deepEqual(look(all, { ...up, health: { started: true, failed } }).wanted, ['readiness'])
  assert.deepEqual(look(all, { ...up, doom }).wanted, ['readiness'])
  assert.deepEqual(look(all, up, true).wanted, ['readiness'])
  assert.deepEqual(look(all, started, true).wanted, [])
  assert.deepEqual(look(all, { ...up, stage: 'ended' }).wanted, [])
})

test('sidecars are asked, init containers and ephemeral ones are not', () => {
  const initContainers = [
    buildContainer({ name: 'side', restartPolicy: 'Always', ...all }),
    buildContainer({ name: 'init', ...all }),
  ]
  const ephemeralContainers = [buildContainer({ name: 'debug', ...all })]
  const pod = buildPod({ spec: { initContainers, ephemeralContainers } })
  const containers = { side: started, init: started, debug: started }
  const wanted = wantedProbes(pod, { containers, isEnding: false })
  assert.deepEqual(
    wanted.map(({ kind, spec }) => [kind, spec.name]),
    [['startup', 'side']],
  )
})

test('a verdict changes what it is about', () => {
  const spec = buildContainer({
    ...all,
    livenessProbe: { ...probe, terminationGracePeriodSeconds: 3 },
  })
  assert.deepEqual(verdictsAfter(spec, 'startup', 'success'), { started: true })
  assert.deepEqual(verdictsAfter(spec, 'liveness', 'success'), {})
  assert.deepEqual(verdictsAfter(spec, 'readiness', 'failure'), { ready: false })
  assert.deepEqual(verdictsAfter(spec, 'startup', 'failure'), { failed: { probe: 'startup' } })
  assert.deepEqual(verdictsAfter(spec, 'liveness', 'failure'), {
    failed: { probe: 'liveness', graceSeconds: 3 },
  })
})

test('what the API remembers counts for the same run only', () => {
  const status = {
    name: 'main',
    image: '',
    imageID: '',
    restartCount: 0,
    containerID: 'x://1',
    started: true,
    ready: true,
    state: { running: {} },
  }
  const of = (containerId: string, change = {}, spec: Partial<Container> = all) =>
    verdictsOfStatus(
      { containerStatuses: [{ ...status, ...change }] },
      { spec: buildContainer(spec), containerId },
    )
  assert.deepEqual(of('x://1'), { started: true, ready: true })
  assert.deepEqual(of('x://1', { ready: false }), { started: true, ready: false })
  assert.deepEqual(of('x://1', { ready: false }, { livenessProbe: probe }), { started: true })
  assert.deepEqual(of('x://1', { started: false, ready: false }), {})
  assert.deepEqual(of('x://2'), {})
  assert.deepEqual(of('x://1', { state: { waiting: {} } }), {})
  const spec = buildContainer(all)
  assert.deepEqual(verdictsOfStatus(undefined, { spec, containerId: 'x://1' }), {})
})
