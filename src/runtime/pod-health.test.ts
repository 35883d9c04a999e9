// SPDX-License-Identifier: Apache-2.0
// Probes and hooks of pods on a runtime: what their statuses say, what is ended, and that all of it
// survives kill -9. Commands end as the test says.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { FakeExec, type ExecAnswer, type ExecCall } from '../../test/support/fake-exec.ts'
import { RuntimeWorld, refOf } from '../../test/support/runtime-world.ts'
import type { Container, Pod, Probe } from '../kube/types.gen.ts'
import { tries } from '../../test/support/test-size.ts'

const probe = (word: string, more: Probe = {}): Probe => ({
  exec: { command: [word] },
  periodSeconds: 10,
  failureThreshold: 1,
  ...more,
})
const podWith = (parts: Partial<Container>): Pod =>
  buildPod({ spec: { containers: [buildContainer(parts)] } })

interface Lab {
  readonly world: RuntimeWorld
  readonly exec: FakeExec
  /** Exit codes by the command's first word; 0 for all others. */
  readonly answers: Map<string, ExecAnswer>
}

async function openLab(): Promise<Lab & AsyncDisposable> {
  const world = await RuntimeWorld.open()
  const exec = new FakeExec(world.clock)
  const answers = new Map<string, ExecAnswer>()
  exec.answer = ({ command: [word = ''] }) => answers.get(word) ?? 0
  world.runtime.exec = exec.exec
  return { world, exec, answers, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

test('startup, then readiness and liveness; a liveness failure restarts the container', async () => {
  await using lab = await openLab()
  const { world, answers, exec } = lab
  answers.set('start', 1).set('ready', 1)
  const pod = podWith({
    startupProbe: probe('start', { failureThreshold: 10 }),
    readinessProbe: probe('ready'),
    livenessProbe: probe('live', { terminationGracePeriodSeconds: 7 }),
  })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.eventually(() => exec.calls.length === 1)
  assert.equal((await world.status(ref))?.started, false)
  answers.set('start', 0)
  await world.pass(10_000)
  await world.eventually(async () => (await world.status(ref))?.started === true)
  assert.equal((await world.status(ref))?.ready, false)
  answers.set('ready', 0)
  await world.pass(10_000)
  await world.eventually(async () => (await world.status(ref))?.ready === true)
  answers.set('start', 1).set('live', 1)
  await world.pass(10_000)
  await world.eventually(() => world.runtime.stops.length === 1)
  assert.equal(world.runtime.stops[0]?.graceMs, 7000)
  assert.deepEqual(world.eventsOf('Killing'), [
    'Container main failed liveness probe, will be restarted',
  ])
  const again = await world.untilRunning(ref, 1)
  assert.equal(again.containers[0]?.started, false)
  assert.equal(again.containers[0]?.lastState?.terminated?.exitCode, 143)
})

test('over kill -9 nothing flaps, and a failure that was decided is carried out', async () => {
  await using lab = await openLab()
  const { world, answers } = lab
  const pod = podWith({
    startupProbe: probe('start'),
    readinessProbe: probe('ready', { failureThreshold: 3 }),
  })
  const ref = await world.create(pod)
  const ready = await world.until(ref, ({ containers }) => containers[0]?.ready === true)
  // What the API was told is what it tells; whether the record lags does not matter.
  answers.set('start', 1).set('ready', 'hang')
  await world.kill()
  await world.start()
  await world.settle()
  world.pushed.length = 0
  await world.create({ ...pod, status: { containerStatuses: ready.containers } })
  await world.pass(5000)
  for (const { containers } of world.pushed) assert.deepEqual(containers, ready.containers)
  assert.deepEqual((await world.observed(ref))?.containers, ready.containers)
  answers.set('ready', 1)
  await world.pass(40_000)
  await world.eventually(async () => (await world.status(ref))?.ready === false)
  assert.equal((await world.status(ref))?.started, true)
})

test('a pod whose record was never written does not seem ready before it is', async () => {
  await using lab = await openLab()
  const { world, answers } = lab
  answers.set('ready', 1)
  const pod = podWith({ readinessProbe: probe('ready') })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.kill()
  await rm(join(world.rootDir, 'pods'), { recursive: true, force: true })
  await world.start()
  await world.settle()
  world.pushed.length = 0
  await world.create(pod)
  // What is told last when the call returns is what is published.
  assert.equal(world.pushed.at(-1)?.containers[0]?.ready, false)
})

test('while a pod is deleted only readiness is asked', async () => {
  await using lab = await openLab()
  const { world, answers, exec } = lab
  world.runtime.exitCodeOnStop = undefined
  const pod = podWith({ livenessProbe: probe('live'), readinessProbe: probe('ready') })
  const ref = await world.create(pod)
  await world.until(ref, ({ containers }) => containers[0]?.ready === true)
  await world.delete(ref, 300)
  await world.eventually(() => world.runtime.stops.length === 1)
  exec.calls.length = 0
  answers.set('live', 1).set('ready', 1)
  await world.pass(30_000)
  assert.deepEqual(new Set(exec.calls.map(({ command }) => command[0])), new Set(['ready']))
  await world.eventually(async () => (await world.status(ref))?.ready === false)
  assert.deepEqual(world.eventsOf('Killing'), ['Stopping container main'])
})

test('hooks run after the start and before the stop; one that is interrupted runs again', async () => {
  await using lab = await openLab()
  const { world, answers, exec } = lab
  const hook = (word: string) => ({ exec: { command: [word] } })
  const pod = podWith({ lifecycle: { postStart: hook('post'), preStop: hook('pre') } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.eventually(() => exec.calls.length === 1)
  answers.set('pre', 'hang')
  await world.delete(ref, 30)
  await world.eventually(() => exec.calls.length === 2)
  await world.restartAfterKill()
  answers.set('pre', 0)
  await world.create({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } })
  await world.delete(ref, 30)
  await world.eventually(() => world.runtime.stops.length > 0)
  await world.pass(30_000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  // Whether the first hook was through may not have reached the disk: then it is run again, too.
  const words = exec.calls.map(({ command }) => command[0])
  assert.equal(words[0], 'post')
  assert.deepEqual(
    words.filter((word) => word !== 'post'),
    ['pre', 'pre'],
  )
  assert.deepEqual(world.eventsOf('FailedPreStopHook'), [])
})

test('a pod that ends by itself while its node is away for longer than its grace still has its hooks run', async () => {
  await using lab = await openLab()
  const { world, answers, exec } = lab
  const preStop = { exec: { command: ['pre'] } }
  const side = buildContainer({ name: 'side', restartPolicy: 'Always', lifecycle: { preStop } })
  const pod = buildPod({ spec: { restartPolicy: 'Never', initContainers: [side] } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  answers.set('pre', 'hang')
  world.runtime.exit({ pod: ref, name: 'main', attempt: 0 }, 0)
  await world.eventually(() => exec.calls.length === 1)
  await world.kill()
  await world.pass(600_000)
  answers.set('pre', 0)
  await world.start()
  await world.create(pod)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(exec.calls.length, 2)
  assert.deepEqual(
    world.runtime.stops.map(({ key: { name } }) => name),
    ['side'],
  )
})

test('a container that is stopped while its pod goes on has its own grace again after an absence', async () => {
  await using lab = await openLab()
  const { world, answers, exec } = lab
  const livenessProbe = probe('live', { terminationGracePeriodSeconds: 7 })
  const pod = podWith({ livenessProbe, lifecycle: { preStop: { exec: { command: ['pre'] } } } })
  answers.set('pre', 'hang')
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.eventually(() => exec.calls.length === 1)
  answers.set('live', 1)
  const hooks = (): number => exec.calls.filter(({ command }) => command[0] === 'pre').length
  await world.passToRetry(10_000)
  await world.eventually(() => hooks() === 1)
  await world.kill()
  await world.pass(600_000)
  answers.set('pre', 0).set('live', 0)
  await world.start()
  await world.create(pod)
  await world.untilRunning(ref, 1)
  assert.equal(hooks(), 2)
  assert.deepEqual(
    world.runtime.stops.map(({ graceMs }) => graceMs),
    [7000],
  )
})

test('a hook that fails after the start ends its container, one that is out of time does not hold it', async () => {
  await using lab = await openLab()
  const { world, answers } = lab
  const hook = (word: string) => ({ exec: { command: [word] } })
  const pod = podWith({ lifecycle: { postStart: hook('post'), preStop: hook('pre') } })
  answers.set('post', 1).set('pre', 'hang')
  const ref = await world.create(pod)
  await world.eventually(() => world.eventsOf('FailedPostStartHook').length > 0)
  assert.deepEqual(world.eventsOf('FailedPostStartHook'), ['PostStartHook failed'])
  answers.set('post', 0)
  await world.passToRetry(30_000)
  await world.untilRunning(ref, 1)
  await world.delete(ref, 30)
  await world.settle()
  await world.passToRetry(30_000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.deepEqual(world.eventsOf('FailedPreStopHook'), [])
})

type Happening =
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'answer'; readonly word: string; readonly answer: 0 | 1 | 'hang' | 'broken' }
  | { readonly kind: 'exit' | 'kill9' }

const happenings: fc.Arbitrary<readonly Happening[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('pass' as const),
        seconds: fc.integer({ min: 0, max: 15 }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        word: fc.constantFrom('start', 'live', 'ready'),
        answer: fc.constantFrom<0 | 1 | 'hang' | 'broken'>(0, 0, 1, 'hang', 'broken'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom({ kind: 'exit' } as const, { kind: 'kill9' } as const),
    },
  ),
  { minLength: 5, maxLength: 25 },
)

const settings = fc.record({
  delay: fc.integer({ min: 0, max: 8 }),
  failures: fc.integer({ min: 1, max: 3 }),
  successes: fc.integer({ min: 1, max: 2 }),
})

/** Answers commands, and takes down what each run of the container answered to which. */
class Witness {
  readonly #lab: Lab
  readonly #delayMs: number
  readonly #results = new Map<string, (0 | 1)[]>()

  constructor(lab: Lab, delaySeconds: number) {
    this.#lab = lab
    this.#delayMs = delaySeconds * 1000
    lab.exec.answer = (call) => this.#answer(call)
  }

  /** Were the last so many answers of that run these? */
  saw(word: string, attempt: number, { times, result }: { times: number; result: 0 | 1 }): boolean {
    const last = (this.#results.get(`${word}/${attempt}`) ?? []).slice(-times)
    return last.length === times && last.every((one) => one === result)
  }

  #answer({ key, command: [word = ''], atMs }: ExecCall): ExecAnswer {
    const startedAtMs = this.#lab.world.runtime.startedAtMs(key)
    assert(startedAtMs !== undefined, 'nothing is asked after the end of a run')
    assert(atMs >= startedAtMs + this.#delayMs, 'nothing is asked before the delay is over')
    const answer = this.#lab.answers.get(word) ?? 0
    const id = `${word}/${key.attempt}`
    const results = this.#results.get(id) ?? []
    if (!(answer instanceof Error)) results.push(answer === 0 ? 0 : 1)
    this.#results.set(id, results)
    return answer
  }
}

async function carryOut(happening: Happening, { world, answers }: Lab, pod: Pod): Promise<void> {
  const { kind } = happening
  if (kind === 'pass') return await world.pass(happening.seconds * 1000)
  if (kind === 'answer') {
    const { word, answer } = happening
    answers.set(word, answer === 'broken' ? new Error('cannot exec') : answer)
  } else if (kind === 'exit') {
    for (const key of world.runtime.running()) world.runtime.exit(key, 1)
  } else {
    const containerStatuses = (await world.observed(refOf(pod)))?.containers ?? []
    await world.restartAfterKill()
    await world.create({ ...pod, status: { containerStatuses } })
  }
}

test('random lives: thresholds and delays are kept, and no end is without a reason', async () => {
  await fc.assert(
    fc.asyncProperty(happenings, settings, async (list, { delay, failures, successes }) => {
      await using lab = await openLab()
      const { world } = lab
      const witness = new Witness(lab, delay)
      const terms = { initialDelaySeconds: delay, failureThreshold: failures, periodSeconds: 3 }
      const pod = podWith({
        startupProbe: probe('start', terms),
        livenessProbe: probe('live', terms),
        readinessProbe: probe('ready', { ...terms, successThreshold: successes }),
      })
      const ref = await world.create(pod)
      await world.untilRunning(ref)
      let before = await world.status(ref)
      for (const happening of list) {
        await carryOut(happening, lab, pod)
        await world.settle()
        const now = await world.status(ref)
        const isSameRun = now?.containerID === before?.containerID && now?.state?.running
        if (isSameRun && now.ready !== before?.ready) {
          const times = now.ready ? successes : failures
          const result = now.ready ? 0 : 1
          assert(witness.saw('ready', now.restartCount, { times, result }), 'ready changes')
        }
        if (isSameRun && before?.started) assert(now.started, 'what has started has started')
        before = now
      }
      for (const { key } of world.runtime.stops) {
        const isBad = (word: string): boolean =>
          witness.saw(word, key.attempt, { times: failures, result: 1 })
        assert(isBad('start') || isBad('live'), 'every end has a reason')
      }
    }),
    { numRuns: tries(60, 12), endOnFailure: true },
  )
})
