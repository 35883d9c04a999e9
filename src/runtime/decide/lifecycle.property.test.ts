// SPDX-License-Identifier: Apache-2.0
// Random lives of pods against decide(): containers end, time passes, the pod is deleted, we are killed and
// come back with what lay on the disk and what the runtime lists.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { RuntimeContainer } from '../container-runtime.ts'
import { foldContainer, type ContainerRecord } from './container-record.ts'
import { decide, type Action, type Decision, type Ending, type Failure } from './next-step.ts'
import { afterExit } from './restart-policy.ts'

type Happening =
  | { readonly kind: 'exit'; readonly container: string; readonly exitCode: number }
  | { readonly kind: 'lose'; readonly container: string }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'delete'; readonly graceSeconds: number }
  | { readonly kind: 'kill9' }
  | { readonly kind: 'save' }

interface Facts {
  readonly containers: ReadonlyMap<string, ContainerRecord>
  readonly ending?: Ending | undefined
  readonly failure?: Failure | undefined
  readonly hasEnded: boolean
}

const ref = { namespace: 'ns', name: 'pod', uid: 'u' }
const nothing: Facts = { containers: new Map(), hasEnded: false }

/** One pod, its runtime and its disk. What is not saved is lost by kill9; restarts save first. */
class Life {
  readonly pod: Pod
  nowMs = 1_800_000_000_000
  readonly startTimeMs: number = this.nowMs
  facts: Facts = nothing
  disk: Facts = nothing
  readonly runs = new Map<string, RuntimeContainer>()
  /** What the API would tell again after kill9. */
  deletedByApi: Ending | undefined
  readonly waited: { container: string; attempt: number; ms: number }[] = []

  constructor(pod: Pod) {
    this.pod = pod
  }

  get running(): readonly RuntimeContainer[] {
    return [...this.runs.values()].filter(({ state }) => state.kind === 'running')
  }

  decide(): Decision {
    const { facts, pod, startTimeMs } = this
    return decide(
      { ...facts, pod, startTimeMs, canStart: true, startFailures: new Map() },
      this.nowMs,
    )
  }

  /** Does what is decided until nothing is left to do now. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert(round < 50, 'decisions come to rest')
      this.fold()
      const decision = this.decide()
      const { failed } = decision
      if (failed) this.facts = { ...this.facts, ...failed }
      if (decision.hasEnded && !this.facts.hasEnded) this.facts = { ...this.facts, hasEnded: true }
      const action = decision.actions.find(({ kind }) => kind === 'start') ?? decision.actions[0]
      if (!action) return
      this.carryOut(action)
    }
  }

  carryOut(action: Action): void {
    const { container: name, attempt } = action
    if (action.kind === 'stop') return this.end(name, { kind: 'exit', exitCode: 143 })
    assert(!this.facts.ending && !this.facts.hasEnded, 'never starts what is ending')
    const before = this.facts.containers.get(name)
    if (before?.termination) this.checkRestart(before, attempt)
    const image = 'example'
    const last = before?.termination ?? before?.lastTermination
    this.setContainer(name, {
      attempt,
      stage: 'begun',
      image,
      ...(last && { lastTermination: last }),
      ...(action.backoff && { backoff: action.backoff }),
    })
    if (attempt > 0) this.disk = this.facts
    assert(!this.runs.has(`${name}/${attempt}`), 'each attempt runs once')
    this.runs.set(`${name}/${attempt}`, {
      key: { pod: ref, name, attempt },
      containerId: `x://${name}/${attempt}`,
      image,
      imageId: '',
      state: { kind: 'running', startedAtMs: this.nowMs },
    })
  }

  checkRestart(before: ContainerRecord, attempt: number): void {
    const { termination } = before
    assert(termination)
    assert.equal(attempt, before.attempt + 1, 'attempts count up by one')
    const container = this.pod.spec.containers[0]
    assert(container)
    assert.notEqual(afterExit(this.pod, container, termination.exitCode), 'stop')
    const ms = this.nowMs - termination.finishedAtMs
    this.waited.push({ container: termination.containerId, attempt, ms })
    if (attempt > 1 && before.backoff) {
      const { delayMs, updatedAtMs } = before.backoff
      const wasLongRun = termination.finishedAtMs - updatedAtMs > 600_000
      assert(wasLongRun || ms >= delayMs, `waits ${delayMs} ms, has waited ${ms}`)
    }
  }

  end(name: string, how: { kind: 'exit'; exitCode: number } | { kind: 'lose' }): void {
    const run = this.running.find(({ key }) => key.name === name)
    if (!run || run.state.kind !== 'running') return
    const { startedAtMs } = run.state
    const state =
      how.kind === 'lose'
        ? ({ kind: 'lost', startedAtMs } as const)
        : ({
            kind: 'exited',
            startedAtMs,
            finishedAtMs: this.nowMs,
            exitCode: how.exitCode,
          } as const)
    this.runs.set(`${name}/${run.key.attempt}`, { ...run, state })
  }

  fold(): void {
    for (const { name } of this.pod.spec.containers) {
      const runs = [...this.runs.values()].filter(({ key }) => key.name === name)
      const record = this.facts.containers.get(name)
      const folded = foldContainer({ record, runs, isComplete: true, nowMs: this.nowMs })
      if (folded) this.setContainer(name, folded)
    }
  }

  setContainer(name: string, record: ContainerRecord): void {
    const before = this.facts.containers.get(name)
    assert(record.attempt >= (before?.attempt ?? 0), 'attempts never go back')
    this.facts = { ...this.facts, containers: new Map(this.facts.containers).set(name, record) }
  }

  happen(happening: Happening): void {
    switch (happening.kind) {
      case 'exit':
      case 'lose':
        return this.end(
          happening.container,
          happening.kind === 'lose' ? { kind: 'lose' } : happening,
        )
      case 'pass':
        this.nowMs += happening.seconds * 1000
        return undefined
      case 'delete':
        return this.delete(happening.graceSeconds)
      case 'save':
        this.disk = this.facts
        return undefined
      case 'kill9':
        return this.kill9()
    }
  }

  delete(graceSeconds: number): void {
    if (this.facts.hasEnded) return
    const { ending } = this.facts
    const deadlineMs = Math.min(this.nowMs + graceSeconds * 1000, ending?.deadlineMs ?? Infinity)
    this.deletedByApi = { cause: ending?.cause ?? 'deleted', deadlineMs }
    this.facts = { ...this.facts, ending: this.deletedByApi }
  }

  kill9(): void {
    const { facts } = this
    this.facts = this.disk
    if (this.deletedByApi && !this.facts.ending && !this.facts.hasEnded) {
      this.facts = { ...this.facts, ending: this.deletedByApi }
    }
    this.fold()
    // What is folded from disk and list is what was known before, for every run and its end.
    for (const [name, record] of facts.containers) {
      const again = this.facts.containers.get(name)
      assert.equal(again?.attempt, record.attempt)
      assert.equal(again.stage, record.stage)
      assert.deepEqual(again.termination?.exitCode, record.termination?.exitCode)
      assert.deepEqual(again.backoff, record.backoff)
    }
  }

  check(): void {
    if (this.facts.hasEnded) {
      assert.equal(this.running.length, 0, 'nothing runs in a pod that has ended')
      assert.deepEqual(this.decide().actions, [])
    }
    if (this.facts.ending) assert.equal(this.facts.hasEnded, true, 'an ending pod ends')
  }
}

const names = ['a', 'b']
const name = fc.constantFrom(...names)
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: exits() },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), container: name }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      seconds: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2000 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      graceSeconds: fc.integer({ min: 0, max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'kill9' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'save' as const }) },
)

function exits(): fc.Arbitrary<Happening> {
  return fc.record({
    kind: fc.constant('exit' as const),
    container: name,
    exitCode: fc.constantFrom(0, 0, 1, 137),
  })
}

test('random lives keep the promises of a pod lifecycle', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('Always', 'OnFailure', 'Never'),
      fc.option(fc.integer({ min: 1, max: 3000 }), { nil: undefined }),
      fc.array(happening, { maxLength: 40 }),
      (restartPolicy, activeDeadlineSeconds, happenings) => {
        const pod = buildPod({
          spec: {
            restartPolicy,
            containers: names.map((name) => buildContainer({ name })),
            ...(activeDeadlineSeconds !== undefined && { activeDeadlineSeconds }),
          },
        })
        const life = new Life(pod)
        life.settle()
        for (const happening of happenings) {
          life.happen(happening)
          life.settle()
          life.check()
        }
        life.happen({ kind: 'delete', graceSeconds: 1 })
        life.settle()
        assert.equal(life.facts.hasEnded, true, 'a deleted pod always ends')
        life.check()
      },
    ),
    { seed: 20_260_101, numRuns: 1500 },
  )
})
