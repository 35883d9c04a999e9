// SPDX-License-Identifier: Apache-2.0
// When probes are made, on a clock of the test's own and with answers of its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Probe } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import type { WantedProbe } from '../decide/container-health.ts'
import { probeOf, type ProbeKind } from '../decide/probe-terms.ts'
import { PodProbes } from './pod-probes.ts'
import { ProbeCounts } from './probe-counts.ts'
import { ProbeError, type ProbeAnswer } from './probe-order.ts'

const ref = { namespace: 'ns', name: 'pod', uid: 'u' }
const good: ProbeAnswer = { result: 'success', output: '' }
const bad: ProbeAnswer = { result: 'failure', output: 'why' }

class World {
  readonly clock = new FakeClock()
  readonly counts = new ProbeCounts()
  /** When probes began, in milliseconds since the start of the test. */
  readonly asked: number[] = []
  readonly verdicts: string[] = []
  readonly events: string[] = []
  readonly signals: AbortSignal[] = []
  answer: () => ProbeAnswer | ProbeError | Promise<ProbeAnswer> = () => good
  startedAtMs: number | undefined
  readonly zeroMs = this.clock.nowMs()
  readonly probes: PodProbes

  constructor(options: { readonly sinceMs?: number; readonly random?: number } = {}) {
    const { clock, counts } = this
    const deps = {
      clock,
      counts,
      sinceMs: this.zeroMs + (options.sinceMs ?? 0),
      random: () => options.random ?? 0.5,
      run: async (_: unknown, signal: AbortSignal) => {
        this.asked.push(clock.nowMs() - this.zeroMs)
        this.signals.push(signal)
        const answer = await this.answer()
        if (answer instanceof ProbeError) throw answer
        return answer
      },
    }
    this.startedAtMs = this.zeroMs
    this.probes = new PodProbes(deps, {
      ref,
      startedAtMs: () => this.startedAtMs,
      podIP: () => '10.0.0.1',
      verdict: ({ kind }, result) => void this.verdicts.push(`${kind} ${result}`),
      event: ({ reason, message }) => void this.events.push(`${reason} ${message}`),
    })
  }

  sync(kind: ProbeKind, probe: Probe, change: Partial<WantedProbe> = {}): void {
    const spec = buildContainer({ [`${kind}Probe`]: { httpGet: { port: 1 }, ...probe } })
    assert(probeOf(spec, kind))
    const pod = buildPod({ spec: { containers: [spec] } })
    this.probes.sync(pod, [{ kind, spec, attempt: 0, isReady: true, ...change }])
  }
}

test('the first probe comes at once, then one each period', async () => {
  const world = new World()
  world.sync('liveness', { periodSeconds: 5 })
  assert.deepEqual(world.asked, [])
  await world.clock.advance(12_000)
  assert.deepEqual(world.asked, [0, 5000, 10_000])
  assert.deepEqual(world.verdicts, ['liveness success', 'liveness success', 'liveness success'])
})

test('no probe is made before the initial delay, and none twice when a pod is looked at often', async () => {
  const world = new World()
  for (let i = 0; i < 3; i++) world.sync('liveness', { initialDelaySeconds: 7, periodSeconds: 5 })
  await world.clock.advance(6999)
  assert.deepEqual(world.asked, [])
  world.sync('liveness', { initialDelaySeconds: 7, periodSeconds: 5 })
  await world.clock.advance(6000)
  assert.deepEqual(world.asked, [7000, 12_000])
})

test('what ran before us is asked at a random time of its first period, what starts now at once', async () => {
  const old = new World({ sinceMs: 1000 })
  await old.clock.advance(1000)
  old.sync('liveness', { periodSeconds: 10 })
  await old.clock.advance(20_000)
  assert.deepEqual(old.asked, [6000, 16_000])
  const late = new World({ sinceMs: 1000 })
  await late.clock.advance(30_000)
  late.sync('liveness', { periodSeconds: 10 })
  await late.clock.advance(5000)
  assert.deepEqual(late.asked, [30_000])
})

test('a run that the runtime does not list yet is asked once it does', async () => {
  const world = new World()
  world.startedAtMs = undefined
  world.sync('liveness', {})
  await world.clock.advance(100_000)
  assert.deepEqual(world.asked, [])
  world.startedAtMs = world.clock.nowMs()
  world.sync('liveness', {})
  await world.clock.advance(0)
  assert.deepEqual(world.asked, [100_000])
})

test('an answer that comes after the run is dropped, and its question is given up', async () => {
  const world = new World()
  const { promise, resolve } = Promise.withResolvers<ProbeAnswer>()
  world.answer = () => promise
  world.sync('liveness', { failureThreshold: 1 })
  await world.clock.advance(0)
  world.probes.sync(undefined, [])
  assert.equal(world.signals[0]?.aborted, true)
  resolve(bad)
  await world.clock.advance(100_000)
  assert.deepEqual([world.verdicts, world.events, world.asked], [[], [], [0]])
  assert.equal(world.clock.pending, 0)
})

test('a new run begins with nothing', async () => {
  const world = new World()
  world.answer = () => bad
  world.sync('liveness', { failureThreshold: 2 })
  await world.clock.advance(0)
  world.sync('liveness', { failureThreshold: 2 }, { attempt: 1 })
  await world.clock.advance(0)
  assert.deepEqual(world.verdicts, [])
  await world.clock.advance(10_000)
  assert.deepEqual(world.verdicts, ['liveness failure'])
})

test('what is found is told in a kubelet’s words', async () => {
  const world = new World()
  const answers = [
    bad,
    { result: 'warning', output: 'odd' } as const,
    new ProbeError('no such program'),
    good,
  ]
  world.answer = () => answers.shift() ?? good
  world.sync('readiness', { failureThreshold: 1 })
  await world.clock.advance(35_000)
  assert.deepEqual(world.events, [
    'Unhealthy Readiness probe failed: why',
    'ProbeWarning Readiness probe warning: odd',
    'Unhealthy Readiness probe errored and resulted in unknown state: no such program',
  ])
  assert.deepEqual(world.verdicts, ['readiness failure', 'readiness success', 'readiness success'])
})

test('early failures of readiness are not told', async () => {
  const world = new World()
  const answers = [bad, bad, bad]
  world.answer = () => answers.shift() ?? good
  world.sync('readiness', { failureThreshold: 1 }, { isReady: false })
  await world.clock.advance(9000)
  assert.deepEqual(world.asked, [0, 25, 60, 110])
  assert.deepEqual(world.events, [])
  assert.equal(world.verdicts.at(-1), 'readiness success')
})

test('probes are counted, with the time that successes took', async () => {
  const world = new World()
  world.answer = async () => {
    await world.clock.sleep(200)
    return good
  }
  world.sync('liveness', {})
  await world.clock.advance(200)
  world.answer = () => bad
  await world.clock.advance(10_000)
  world.answer = () => new ProbeError('?')
  await world.clock.advance(10_000)
  const [stats] = world.counts.stats()
  assert.deepEqual([stats?.successes, stats?.failures, stats?.seconds], [1, 1, 0.2])
  assert.deepEqual(stats?.buckets, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
  world.counts.forget(ref)
  assert.deepEqual(world.counts.stats(), [])
})

test('nothing is left when it ends', async () => {
  const world = new World()
  world.answer = () => new Promise(() => {})
  world.sync('liveness', {})
  await world.clock.advance(0)
  world.probes[Symbol.dispose]()
  assert.equal(world.signals[0]?.aborted, true)
  assert.equal(world.clock.pending, 0)
})
