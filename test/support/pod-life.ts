// SPDX-License-Identifier: Apache-2.0
// One pod as decide() sees it, with a runtime and a disk of plain data: whatever is decided is done at once,
// and checked against what a pod lifecycle promises before it is done.
import assert from 'node:assert/strict'
import type { Pod } from '../../src/kube/types.gen.ts'
import type { ObservedPod } from '../../src/provider/provider.ts'
import type { RuntimeContainer } from '../../src/runtime/container-runtime.ts'
import {
  foldContainer,
  resetTermination,
  type ContainerRecord,
} from '../../src/runtime/decide/container-record.ts'
import { decide } from '../../src/runtime/decide/next-step.ts'
import { isHookDone } from '../../src/runtime/decide/plan-container.ts'
import {
  findContainer,
  podContainers,
  type PodContainer,
} from '../../src/runtime/decide/pod-containers.ts'
import { computePhase, type PodPhase } from '../../src/runtime/decide/pod-phase.ts'
import type {
  Action,
  ContainerHealth,
  Decision,
  Ending,
  Failure,
  Reset,
} from '../../src/runtime/decide/pod-state.ts'
import { observedPod } from '../../src/runtime/observed-pod.ts'
import { resetAll, resetForSandbox } from '../../src/runtime/decide/reset-containers.ts'
import { afterExit, afterInitExit } from '../../src/runtime/decide/restart-policy.ts'

export interface LifeFacts {
  readonly containers: ReadonlyMap<string, ContainerRecord>
  readonly ending?: Ending | undefined
  readonly failure?: Failure | undefined
  readonly hasEnded: boolean
}

type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>

const ref = { namespace: 'ns', name: 'pod', uid: 'u' }
const imageOf = (container: PodContainer): string => container.spec.image ?? ''

/** One pod. What is not saved is lost by `kill9`; what decide() wants on the disk first is saved at once. */
export class PodLife {
  pod: Pod
  nowMs: number = 1_800_000_000_000
  readonly startTimeMs: number = this.nowMs
  facts: LifeFacts = { containers: new Map(), hasEnded: false }
  #disk: LifeFacts = this.facts
  readonly #runs = new Map<string, RuntimeContainer>()
  /** What the API would tell again after kill9. */
  #deletedByApi: Ending | undefined
  /** Containers that ignore the stop signal, and when those that were told to stop are killed. */
  readonly stubborn: Set<string> = new Set()
  readonly #kills = new Map<string, number>()
  /** The next hooks fail. */
  failHooks: boolean = false
  /** Hooks after a start last until time passes. */
  readonly #hooks = new Map<string, number>()
  readonly #health = new Map<string, ContainerHealth & { readonly attempt: number }>()
  /** Init containers that were through, by name, since all were last started anew. */
  readonly #through = new Set<string>()
  /** Restarts by container, as last told. */
  readonly #counts = new Map<string, number>()
  #phase: PodPhase = 'Pending'
  #resets = 0

  constructor(pod: Pod) {
    this.pod = pod
  }

  get running(): readonly RuntimeContainer[] {
    return [...this.#runs.values()].filter(({ state }) => state.kind === 'running')
  }

  isRunning(name: string): boolean {
    return this.running.some(({ key }) => key.name === name)
  }

  decide(): Decision {
    const { facts, pod, startTimeMs } = this
    const state = { ...facts, pod, startTimeMs, canStart: true, startFailures: new Map() }
    return decide({ ...state, health: this.#healthNow() }, this.nowMs, { canResize: true })
  }

  /** Does what is decided until nothing is left to do now. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert(round < 200, 'decisions come to rest')
      this.#fold()
      this.#noteThrough()
      const decision = this.decide()
      this.#checkPhase(decision)
      if (decision.ends) {
        this.facts = { ...this.facts, ...decision.ends }
        this.save()
      }
      if (decision.hasEnded) this.facts = { ...this.facts, hasEnded: true }
      if (decision.reset) this.#reset(decision.reset)
      const others = decision.actions.filter(({ kind }) => kind !== 'start')
      const start = decision.actions.find((action) => action.kind === 'start')
      const done = [...others, ...(start ? [start] : [])].filter((action) => this.#carryOut(action))
      if (done.length === 0 && !decision.reset && !decision.ends) return
    }
  }

  /** A container ends; false when it does not run. */
  end(name: string, exitCode: number | 'lost'): boolean {
    const run = this.running.find(({ key }) => key.name === name)
    if (run?.state.kind !== 'running') return false
    const { startedAtMs } = run.state
    const finishedAtMs = this.nowMs
    const state =
      exitCode === 'lost'
        ? ({ kind: 'lost', startedAtMs } as const)
        : ({ kind: 'exited', startedAtMs, finishedAtMs, exitCode } as const)
    this.#runs.set(`${name}/${run.key.attempt}`, { ...run, state })
    this.#kills.delete(name)
    return true
  }

  /** Its startup probe succeeds. */
  comesUp(name: string): void {
    this.#setHealth(name, { started: true, ready: true })
  }

  /** Its liveness probe has failed for good. */
  falls(name: string, graceSeconds?: number): void {
    const failed = { probe: 'liveness', graceSeconds } as const
    this.#setHealth(name, { started: true, ready: false, failed })
  }

  pass(seconds: number): void {
    this.nowMs += seconds * 1000
    for (const [name, attempt] of this.#hooks) {
      const record = this.facts.containers.get(name)
      const isSame = record?.attempt === attempt && record.stage === 'started'
      if (isSame) this.#change(name, { postStart: this.failHooks ? 'failed' : 'done' })
    }
    this.#hooks.clear()
    for (const [name, atMs] of this.#kills) if (this.nowMs >= atMs) this.end(name, 137)
  }

  /** The machine is started anew: nothing runs any more, and the pod gets another sandbox. */
  reboot(): void {
    for (const { key } of this.running) this.end(key.name, 'lost')
    this.#fold()
    this.kill9()
    if (this.facts.hasEnded) return
    this.#resets += 1
    this.#through.clear()
    const deadlineMs = this.nowMs + 30_000
    const containers = resetForSandbox(this.pod, this.facts.containers, { deadlineMs })
    this.facts = { ...this.facts, containers }
    this.save()
  }

  delete(graceSeconds: number): void {
    if (this.facts.hasEnded) return
    const { ending } = this.facts
    const deadlineMs = Math.min(this.nowMs + graceSeconds * 1000, ending?.deadlineMs ?? Infinity)
    this.#deletedByApi = { cause: ending?.cause ?? 'deleted', deadlineMs }
    this.facts = { ...this.facts, ending: this.#deletedByApi }
  }

  /** The node has it go for want of something. */
  evict(graceSeconds: number): void {
    const { ending, hasEnded } = this.facts
    if (hasEnded) return
    const deadlineMs = Math.min(this.nowMs + graceSeconds * 1000, ending?.deadlineMs ?? Infinity)
    const failure = { reason: 'Evicted', message: 'The node was low on resource: memory. ' }
    this.facts = {
      ...this.facts,
      ...(ending === undefined && { failure }),
      ending: { cause: ending?.cause ?? 'evicted', deadlineMs },
    }
    this.save()
  }

  save(): void {
    this.#disk = this.facts
  }

  kill9(): void {
    const { facts } = this
    this.#hooks.clear()
    this.facts = this.#disk
    if (this.#deletedByApi && !this.facts.ending && !this.facts.hasEnded) {
      this.facts = { ...this.facts, ending: this.#deletedByApi }
    }
    this.#fold()
    // What is folded from disk and list is what was known before, for every run and its end.
    for (const [name, record] of facts.containers) {
      const again = this.facts.containers.get(name)
      assert.equal(again?.attempt, record.attempt)
      assert.equal(again.stage, record.stage)
      assert.equal(again.termination?.exitCode, record.termination?.exitCode)
      assert.deepEqual(again.backoff, record.backoff)
      assert.equal(again.reset, record.reset)
    }
  }

  /** What holds whenever nothing is left to do. */
  check(): void {
    const { facts } = this
    if (facts.hasEnded) {
      assert.deepEqual(this.running, [], 'nothing runs in a pod that has ended')
      assert.deepEqual(this.decide().actions, [])
    } else if (facts.ending) {
      assert(this.running.length > 0, 'an ending pod in which nothing runs has ended')
      const { wakeAtMs } = this.decide()
      const isToldToStop = this.running.some(({ key }) => this.#kills.has(key.name))
      assert(isToldToStop || wakeAtMs !== undefined, 'an ending pod waits for something')
    } else {
      this.#checkResources()
      this.#checkLiveness()
    }
    this.#checkOrders()
  }

  /** A pod that goes on does something, or waits for a time; it does not outlive its deadline. */
  #checkLiveness(): void {
    const { activeDeadlineSeconds = Infinity } = this.pod.spec
    const deadlineMs = this.startTimeMs + activeDeadlineSeconds * 1000
    assert(this.nowMs < deadlineMs, 'a pod is ended when its deadline has passed')
    for (const { key } of this.running) this.#checkHook(key.name)
    if (this.running.length > 0) return
    const { waits, wakeAtMs } = this.decide()
    assert(waits.size > 0, 'a pod in which nothing runs waits for something, or has ended')
    assert(wakeAtMs !== undefined && wakeAtMs > this.nowMs, 'it is known when it goes on')
  }

  /** The hook after a start was run, or is under way; a run whose hook has failed ends. */
  #checkHook(name: string): void {
    const record = this.facts.containers.get(name)
    const { spec, role } = this.#container(name)
    if (!record || record.doom || role === 'ephemeral') return
    assert(isHookDone(spec, record) || this.#hooks.get(name) === record.attempt, `hook of ${name}`)
    assert.notEqual(record.postStart, 'failed', `${name} ends when its hook has failed`)
  }

  /** Whatever is to end has been told, and nothing is left running past its time without a word. */
  #checkOrders(): void {
    const { ending, containers } = this.facts
    for (const { key } of this.running) {
      const { doom, reset } = containers.get(key.name) ?? {}
      const isLate = ending !== undefined && this.nowMs >= ending.deadlineMs
      if (!doom && !reset && !isLate) continue
      assert(this.#kills.has(key.name), `${key.name} is to end, and has been told`)
    }
  }

  /** What runs, and is not to be stopped, has what its spec asks for. */
  #checkResources(): void {
    for (const { key } of this.running) {
      const record = this.facts.containers.get(key.name)
      const { spec, role } = this.#container(key.name)
      const isHeld = role === 'ephemeral' || role === 'init' || record?.doom || !record?.resources
      if (isHeld || !isHookDone(spec, record) || this.pod.metadata.deletionTimestamp) continue
      assert.deepEqual(record.resources, spec.resources ?? {}, `${key.name} has its resources`)
    }
  }

  #carryOut(action: Action): boolean {
    if (action.kind === 'start') return this.#start(action)
    if (action.kind === 'condemn') return this.#condemn(action)
    if (action.kind === 'stop') return this.#stop(action)
    if (action.kind === 'resize') return this.#resize(action)
    return action.kind === 'postStart' ? this.#postStart(action) : this.#preStop(action)
  }

  #resize({ container: name, attempt }: ActionOf<'resize'>): boolean {
    const { spec } = this.#container(name)
    assert.equal(this.facts.containers.get(name)?.attempt, attempt)
    assert(!this.facts.ending, 'nothing is resized in a pod that ends')
    this.#change(name, { resources: spec.resources ?? {} })
    return true
  }

  #preStop({ container: name, timeoutMs, message }: ActionOf<'preStop'>): boolean {
    assert(timeoutMs > 0 && message !== '')
    this.#change(name, { isPreStopDone: true })
    return true
  }

  #start({ container: name, attempt, backoff }: ActionOf<'start'>): boolean {
    const { facts } = this
    assert(!facts.ending && !facts.hasEnded, 'never starts what is ending')
    const container = this.#container(name)
    this.#checkTurn(container)
    const before = facts.containers.get(name)
    assert(before?.stage !== 'started', 'never starts what runs')
    if (before?.termination) this.#checkRestart(container, before, attempt)
    else assert.equal(attempt, 0)
    const ended = before?.termination
    const last = ended && before.reset === 'all' ? resetTermination(ended) : ended
    this.#set(name, {
      attempt,
      stage: 'begun',
      image: imageOf(container),
      resources: container.spec.resources ?? {},
      ...(last && { lastTermination: last }),
      ...(backoff && { backoff }),
    })
    if (attempt > 0) this.save()
    assert(!this.#runs.has(`${name}/${attempt}`), 'each attempt runs once')
    this.#runs.set(`${name}/${attempt}`, {
      key: { pod: ref, name, attempt },
      containerId: `x://${name}/${attempt}`,
      image: imageOf(container),
      imageId: '',
      state: { kind: 'running', startedAtMs: this.nowMs },
    })
    const { startupProbe } = container.spec
    this.#setHealth(name, { started: startupProbe === undefined, ready: false })
    return true
  }

  /** No container starts before its predecessors, and none while a hook after a start is under way. */
  #checkTurn({ spec, role }: PodContainer): void {
    const all = podContainers(this.pod)
    if (role !== 'ephemeral') {
      const index = all.findIndex((container) => container.spec.name === spec.name)
      const before = all.slice(0, index).filter((one) => one.role !== 'regular')
      for (const { spec: earlier } of before) {
        assert(this.#through.has(earlier.name), `${spec.name} starts before ${earlier.name}`)
      }
    }
    for (const { key } of this.running) {
      const record = this.facts.containers.get(key.name)
      if (!record || record.doom) continue
      const { spec: other } = this.#container(key.name)
      assert(isHookDone(other, record), `${spec.name} starts during the hook of ${key.name}`)
    }
  }

  #checkRestart({ spec, role }: PodContainer, before: ContainerRecord, attempt: number): void {
    const { termination, doom, reset, backoff } = before
    assert(termination)
    assert.equal(attempt, before.attempt + 1, 'attempts count up by one')
    assert.notEqual(role, 'ephemeral', 'ephemeral containers are never started again')
    const isVoid = reset === 'all' || (reset === 'sandbox' && role !== 'regular')
    if (isVoid || doom) return
    const judge = role === 'regular' ? afterExit : afterInitExit
    assert.notEqual(judge(this.pod, spec, termination.exitCode), 'stop')
    if (!backoff || before.image !== (spec.image ?? '')) return
    const waitedMs = this.nowMs - termination.finishedAtMs
    const wasLongRun = termination.finishedAtMs - backoff.updatedAtMs > 600_000
    const isSetBack = waitedMs < -backoff.delayMs
    const isDue = wasLongRun || isSetBack || waitedMs >= backoff.delayMs
    assert(isDue, 'restarts wait for their back-off')
  }

  #condemn({ container: name, doom }: ActionOf<'condemn'>): boolean {
    assert.notEqual(doom.message, '', 'every kill has a reason')
    assert(!this.facts.containers.get(name)?.doom, 'a run is condemned once')
    this.#change(name, { doom })
    this.save()
    return true
  }

  #stop({ container: name, graceMs, message }: ActionOf<'stop'>): boolean {
    const record = this.facts.containers.get(name)
    const { ending } = this.facts
    assert(record && (ending ?? record.doom), 'every kill has a reason')
    assert(graceMs >= 2000 && message !== '')
    const deadlineMs = Math.min(ending?.deadlineMs ?? Infinity, record.doom?.deadlineMs ?? Infinity)
    const isLate = this.nowMs >= deadlineMs
    const { spec } = this.#container(name)
    const hasHook = spec.lifecycle?.preStop !== undefined
    assert(isLate || !hasHook || record.isPreStopDone, 'the hook comes before the signal')
    if (!isLate && !record.doom) this.#checkStopTurn(name)
    if (!this.stubborn.has(name)) return this.end(name, 143)
    const killMs = Math.min(this.nowMs + graceMs, this.#kills.get(name) ?? Infinity)
    const isNews = this.#kills.get(name) !== killMs
    this.#kills.set(name, killMs)
    return isNews
  }

  /** Sidecars outlive regular containers, and go from the last to the first. */
  #checkStopTurn(name: string): void {
    const all = podContainers(this.pod)
    const index = all.findIndex(({ spec }) => spec.name === name)
    if (all[index]?.role !== 'sidecar') return
    for (const { spec, role } of all.slice(index + 1)) {
      const isWaitedFor = role === 'sidecar' || role === 'regular'
      assert(!isWaitedFor || !this.isRunning(spec.name), `${name} stops before ${spec.name}`)
    }
  }

  #postStart({ container: name, attempt }: ActionOf<'postStart'>): boolean {
    if (this.#hooks.get(name) === attempt) return false
    this.#hooks.set(name, attempt)
    return true
  }

  #reset(reset: Reset): void {
    this.#resets += 1
    this.#through.clear()
    const { nowMs } = this
    const containers = resetAll(this.pod, this.facts.containers, { reset, nowMs })
    this.facts = { ...this.facts, containers }
    this.save()
  }

  /** Phases only move forward, and a terminal one is final. */
  #checkPhase({ waits, hasEnded, ends }: Decision): void {
    const { pod, startTimeMs } = this
    const { containers, ending, failure } = { ...this.facts, ...ends }
    const observed = observedPod({
      record: {
        ref,
        pod,
        startTimeMs,
        podIPs: [],
        containers: Object.fromEntries(containers),
        ...(ending && { ending }),
        ...(failure && { failure }),
        ...((hasEnded || this.facts.hasEnded) && { endedAtMs: this.nowMs }),
      },
      waits,
      health: this.#healthNow(),
      isSandboxReady: true,
      runOf: () => undefined,
    })
    const phase = computePhase(pod, observed)
    const rank = { Pending: 0, Running: 1, Succeeded: 2, Failed: 2 }
    // Init containers that run again in place make a pod wait again; the published phase does not show it.
    const floor = this.#resets > 0 && this.#phase === 'Running' ? 'Pending' : this.#phase
    assert(rank[phase] >= rank[floor], `${phase} after ${this.#phase}`)
    if (this.facts.hasEnded) assert.equal(phase, this.#phase, 'a terminal phase is final')
    if (observed.hasEnded) assert.equal(rank[phase], 2)
    if (observed.hasEnded && failure) assert.equal(phase, 'Failed', failure.reason)
    this.#checkCounts(observed)
    this.#phase = rank[phase] === 2 && !observed.hasEnded ? this.#phase : phase
  }

  /** What the API is told of restarts never falls. */
  #checkCounts({ containers, initContainers, ephemeralContainers }: ObservedPod): void {
    for (const { name, restartCount } of [
      ...containers,
      ...initContainers,
      ...ephemeralContainers,
    ]) {
      assert(restartCount >= (this.#counts.get(name) ?? 0), `restartCount of ${name} falls`)
      this.#counts.set(name, restartCount)
    }
  }

  #noteThrough(): void {
    for (const { spec, role } of podContainers(this.pod)) {
      const record = this.facts.containers.get(spec.name)
      if (!record || record.reset) continue
      const isDone = role === 'init' && record.termination?.exitCode === 0
      const isStarted = record.stage === 'started' && isHookDone(spec, record)
      const isUp = role === 'sidecar' && isStarted && this.#healthNow().get(spec.name)?.started
      if (isDone || isUp) this.#through.add(spec.name)
    }
  }

  #fold(): void {
    for (const { spec } of podContainers(this.pod)) {
      const { name } = spec
      const runs = [...this.#runs.values()].filter(({ key }) => key.name === name)
      const record = this.facts.containers.get(name)
      const folded = foldContainer({ record, runs, isComplete: true, nowMs: this.nowMs })
      if (folded) this.#set(name, folded)
    }
  }

  #healthNow(): ReadonlyMap<string, ContainerHealth> {
    const all = [...this.#health].filter(([name, { attempt }]) => {
      const record = this.facts.containers.get(name)
      return record?.stage === 'started' && record.attempt === attempt
    })
    return new Map(all)
  }

  #setHealth(name: string, health: ContainerHealth): void {
    const run = this.running.find(({ key }) => key.name === name)
    if (run) this.#health.set(name, { ...health, attempt: run.key.attempt })
  }

  #container(name: string): PodContainer {
    const container = findContainer(this.pod, name)
    assert(container)
    return container
  }

  #change(name: string, change: Partial<ContainerRecord>): void {
    const record = this.facts.containers.get(name)
    assert(record)
    this.#set(name, { ...record, ...change })
  }

  #set(name: string, record: ContainerRecord): void {
    const before = this.facts.containers.get(name)
    assert(record.attempt >= (before?.attempt ?? 0), 'attempts never go back')
    this.facts = { ...this.facts, containers: new Map(this.facts.containers).set(name, record) }
  }
}
