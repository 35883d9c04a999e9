// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { choosePod, evictionMessage, rankPods, type MeasuredPod } from './rank-pods.ts'

const mib = 1024 * 1024

interface Parts {
  readonly used?: number | undefined
  readonly request?: number
  readonly priority?: number
}

/** A pod that uses and requests so many MiB of memory. */
function podOf(name: string, { used, request, priority }: Parts): MeasuredPod<string> {
  const resources = request === undefined ? {} : { requests: { memory: `${request}Mi` } }
  const bytes = used === undefined ? undefined : used * mib
  return {
    subject: name,
    pod: buildPod({
      metadata: { name },
      spec: {
        containers: [buildContainer({ resources })],
        ...(priority !== undefined && { priority }),
      },
    }),
    used: bytes,
    containers: new Map(bytes === undefined ? [] : [['main', bytes]]),
  }
}

const order = (...pods: readonly MeasuredPod<string>[]): readonly string[] =>
  rankPods(pods, 'memory').map(({ subject }) => subject)

test('whoever uses more than it asked for goes before all who do not, whatever its priority', () => {
  const modest = podOf('modest', { used: 900, request: 1000, priority: 0 })
  const greedy = podOf('greedy', { used: 101, request: 100, priority: 1000 })
  assert.deepEqual(order(modest, greedy), ['greedy', 'modest'])
})

test('among equals the lower priority goes first, then the one that is further beyond its request', () => {
  const low = podOf('low', { used: 20, priority: 1 })
  const high = podOf('high', { used: 500, priority: 2 })
  const far = podOf('far', { used: 400, request: 100, priority: 1 })
  assert.deepEqual(order(high, low, far), ['far', 'low', 'high'])
})

test('one that cannot be measured goes first, and a critical pod never', () => {
  const unknown = podOf('unknown', { used: undefined, priority: 5 })
  const critical = podOf('critical', { used: undefined, priority: 2_000_000_000 })
  const known = podOf('known', { used: 5000 })
  assert.deepEqual(order(known, unknown), ['unknown', 'known'])
  assert.equal(choosePod([critical, known, unknown], 'memory')?.subject, 'unknown')
  assert.equal(choosePod([critical], 'memory'), undefined)
})

test('the message says what is short, and which container took too much of it', () => {
  const pod = podOf('hog', { used: 300, request: 64 })
  const shortage = {
    signal: 'memory.available',
    resource: 'memory',
    threshold: 100 * mib,
    available: 52 * 1024,
    isSoft: false,
  } as const
  assert.equal(
    evictionMessage(pod, shortage),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Ki. ' +
      'Container main was using 300Mi, request is 64Mi, has larger consumption of memory. ',
  )
  assert.equal(
    evictionMessage(podOf('modest', { used: 10, request: 64 }), shortage),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Ki. ',
  )
})

test('the rank is a total order that does not depend on how the pods were listed', () => {
  const part = fc.record({
    used: fc.option(fc.nat(5), { nil: undefined }),
    request: fc.nat(5),
    priority: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.nat(), (parts, seed) => {
      const pods = parts.map((one, index) => podOf(`p${index}`, one))
      const turned = pods.map((_, index) => pods[(index + seed) % pods.length]).filter((p) => !!p)
      const [one, other] = [rankPods(pods, 'memory'), rankPods(turned, 'memory')]
      // Those that nothing tells apart may stand in any order.
      const excess = (each: MeasuredPod<string>) =>
        (each.used ?? 0) -
        mib *
          Number.parseInt(each.pod.spec.containers[0]?.resources?.requests?.['memory'] ?? '0', 10)
      const shape = (list: readonly MeasuredPod<string>[]) =>
        list.map((each) =>
          each.used === undefined
            ? 'unknown'
            : `${excess(each) > 0}/${each.pod.spec.priority}/${excess(each)}`,
        )
      assert.deepEqual(shape(one), shape(other))
    }),
  )
})
