// SPDX-License-Identifier: Apache-2.0
// One pod: carries out what decide() says, one step at a time. Whatever happens (a new spec, a container's
// end, a timer, a deletion) only wakes it; each step looks at everything anew. Stops run beside the
// steps because they last as long as their grace; starts are awaited, and a deletion aborts what precedes
// them. Nothing is started before the API has handed the pod over since our own start.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type { Container, Pod } from '../kube/types.gen.ts'
import type { CallContext, ObservedPod, PodRef, PodRequest } from '../provider/provider.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import { BackoffNews } from './backoff-news.ts'
import { ContainerActions } from './container-actions.ts'
import type { ContainerKey, RuntimeContainer } from './container-runtime.ts'
import { logAttempt } from './decide/log-attempt.ts'
import { decide } from './decide/next-step.ts'
import { findContainer } from './decide/pod-containers.ts'
import type { Decision, Ending, Failure, Wait } from './decide/pod-state.ts'
import { parseWireTime } from '../util/wire-time.ts'
import type { MachineDeps } from './machine-deps.ts'
import { MachineProbes } from './machine-probes.ts'
import { MachineResizes } from './machine-resizes.ts'
import { observedPod } from './observed-pod.ts'
import { attemptDir, podDir } from './pod-dirs.ts'
import { PodLedger } from './pod-ledger.ts'
import { PodNews } from './pod-news.ts'
import { PodPreparation } from './pod-preparation.ts'
import type { PodRecord } from './pod-record.ts'
import { StepLoop } from './step-loop.ts'
import { terminationMessage, type ReadLog } from './termination-message.ts'

const retrySaveMs = 10_000
/** A start that takes longer does not hold up the news of what happened before it. */
const slowStartMs = 500

export interface RunningContainer {
  readonly key: ContainerKey
  readonly pod: Pod
  readonly spec: Container
}

/** The life of one pod on a container runtime. */
export class PodMachine {
  readonly ref: PodRef
  readonly #deps: MachineDeps
  readonly #log: Logger
  readonly #ledger: PodLedger
  readonly #preparation: PodPreparation
  readonly #actions: ContainerActions
  readonly #lifetime = new AbortController()
  /** Aborted when nothing is to be started any more. */
  readonly #starting = new AbortController()
  readonly #probes: MachineProbes
  readonly #news: PodNews
  readonly #resizes: MachineResizes
  readonly #loop: StepLoop
  readonly #backoffs = new BackoffNews((name, event) => this.#tell(name, event))
  readonly #background = new Set<Promise<void>>()
  #request: PodRequest | undefined
  #waits: ReadonlyMap<string, Wait> = new Map()
  #isNew = true

  constructor(deps: MachineDeps, initial: { ref: PodRef; record?: PodRecord | undefined }) {
    const { ref } = initial
    this.ref = ref
    this.#deps = deps
    this.#log = deps.host.log.child({ pod: `${ref.namespace}/${ref.name}`, uid: ref.uid })
    this.#ledger = new PodLedger(deps, { ...initial, log: this.#log })
    this.#preparation = new PodPreparation(deps, { ref, log: this.#log })
    this.#loop = new StepLoop({
      clock: deps.host.clock,
      log: this.#log,
      signal: this.#lifetime.signal,
      // Not left to the step: that may wait for a start of another container.
      woken: () => this.#probes.sync(),
      step: () => this.#step(),
      rested: () => this.#inBackground(this.#save()),
    })
    const wake = (): void => this.#loop.wake()
    this.#resizes = new MachineResizes(deps, this.#ledger)
    this.#probes = new MachineProbes(deps, { ledger: this.#ledger, wake })
    this.#news = new PodNews({
      clock: deps.host.clock,
      observed: () => this.observed(),
      isMoreDue: () => this.#probes.isAnswerDue,
      publish: (observed) => deps.publish(observed),
    })
    this.#actions = new ContainerActions(deps, {
      ledger: this.#ledger,
      volumes: this.#preparation.volumes,
      log: this.#log,
      wake,
      inBackground: (work) => this.#inBackground(work),
    })
  }

  get hasEnded(): boolean {
    return this.#ledger.hasEnded
  }

  /** What is known of the pod, as it is kept on the disk. */
  get record(): PodRecord {
    return this.#ledger.record
  }

  /** Where the pod's volumes lie, by name. */
  get volumeDirs(): ReadonlyMap<string, string> {
    return this.#preparation.volumes.dirs
  }

  /** The run whose output `kubectl logs` means, if there is one. */
  logAttempt(name: string, options: { readonly previous: boolean }): number | undefined {
    const isWaiting = this.#waits.has(name)
    return logAttempt(this.#ledger.container(name), { ...options, isWaiting })
  }

  /** Keys of the containers that run now. */
  runningKeys(): readonly ContainerKey[] {
    return this.#ledger.running()
  }

  /** The run of a container that is going on, with the specs it was made from. */
  runningContainer(name: string): RunningContainer | undefined {
    const key = this.#ledger.running().find((running) => running.name === name)
    const { pod } = this.record
    if (!key || !pod) return undefined
    const found = findContainer(pod, name)
    return found && { key, pod, spec: found.spec }
  }

  /** The pod as it is now. */
  observed(): ObservedPod {
    const { record } = this.#ledger
    return observedPod({
      record,
      waits: this.#waits,
      health: this.#probes.health,
      resizes: this.#resizes,
      isSandboxReady:
        this.#preparation.sandbox !== undefined || Object.keys(record.containers).length > 0,
      runOf: (name) => this.#ledger.currentRun(name),
    })
  }

  /** The pod as the API has it now: the first time, after a change, or after a restart of ours. */
  setRequest(request: PodRequest): void {
    if (this.hasEnded) return
    this.#request = request
    const isNews = this.#ledger.setPod(request.pod, parseWireTime(request.pod.status?.startTime))
    // What the API remembers must not be overwritten by what was told before it was heard.
    if (isNews) this.#news.tell()
    this.#actions.retryNow()
    this.#resizes.retryNow()
    this.#preparation.retryNow()
    if (request.pod.metadata.deletionTimestamp !== undefined) this.#starting.abort()
    this.#loop.wake()
  }

  /** Begins to end the pod, or hurries it. */
  delete(graceMs: number): void {
    this.#end({ cause: 'deleted', graceMs })
  }

  /** Ends the pod as one that has failed, by what its node finds: it is evicted. */
  evict(failure: Failure, graceMs: number): void {
    if (this.#ledger.record.ending === undefined) this.#ledger.update({ failure })
    this.#end({ cause: 'evicted', graceMs })
  }

  #end({ cause, graceMs }: { readonly cause: Ending['cause']; readonly graceMs: number }): void {
    if (this.hasEnded) return
    const known = this.#ledger.record.ending
    const deadlineMs = this.#deps.host.clock.nowMs() + graceMs
    this.#ledger.update({
      ending: {
        cause: known?.cause ?? cause,
        deadlineMs: Math.min(deadlineMs, known?.deadlineMs ?? Infinity),
      },
    })
    this.#starting.abort()
    this.#loop.wake()
  }

  /** The runtime told of a change. */
  onRun(run: RuntimeContainer): void {
    this.#ledger.addRun(run)
    this.#loop.wake()
  }

  /** The pod's sandbox has ended: it gets another one before anything else is started. */
  onSandboxEnd(): void {
    this.#preparation.sandboxEnded()
    this.#loop.wake()
  }

  /** Every run of this pod that the runtime knew in `epoch`. */
  onList(runs: readonly RuntimeContainer[], epoch: number): void {
    const hasChanged = this.#ledger.setRuns(runs, epoch)
    const isNews = hasChanged || this.#actions.mustRelist || this.#isNew
    this.#actions.relisted()
    this.#isNew = false
    if (isNews) this.#loop.wake()
  }

  /** Removes the pod from the runtime and from the disk. */
  async cleanUp(context: CallContext): Promise<void> {
    const { runtime, logs, host } = this.#deps
    await this.dispose()
    for (const { key } of this.#ledger.runs.all()) await runtime.removeContainer(key, context)
    await runtime.removeSandbox(this.ref, context)
    this.#deps.probes.counts.forget(this.ref)
    await logs.forgetBelow(podDir(host.rootDir, this.ref.uid))
    await this.#preparation.removeDirs()
  }

  /** Ends all activity here; the pod itself goes on. */
  async dispose(): Promise<void> {
    this.#lifetime.abort()
    this.#starting.abort()
    this.#probes[Symbol.dispose]()
    this.#actions[Symbol.dispose]()
    await this.#loop[Symbol.asyncDispose]()
    this.#news[Symbol.dispose]()
    await Promise.all(this.#background)
    await this.#ledger.flush()
  }

  async #step(): Promise<void> {
    const actions = this.#actions
    if (actions.mustRelist) await this.#deps.refresh()
    await this.#prepare()
    // Last before the decision: an end that is told is told with its message.
    while (this.#ledger.endsWithoutMessage().length > 0) await this.#readMessages()
    const decision = this.#decide()
    const isEvicted = this.#ledger.record.ending?.cause === 'evicted'
    const ends = isEvicted || decision.ends !== undefined || (decision.hasEnded && !this.hasEnded)
    this.#take(decision)
    this.#probes.sync()
    // An end that was told is final: it is on the disk before anyone hears of it.
    if (ends) await this.#ledger.save()
    const context = { signal: this.#lifetime.signal, log: this.#log }
    if (decision.reset) {
      await this.#ledger.resetAll(decision.reset)
      this.#loop.repeat()
    }
    for (const action of decision.actions) {
      if (action.kind === 'stop') actions.stop(action, context)
      if (action.kind === 'postStart' || action.kind === 'preStop') actions.runHook(action)
      if (action.kind !== 'condemn') continue
      await this.#ledger.condemn(action.container, action.doom)
      this.#loop.repeat()
    }
    actions.ordered()
    await this.#resizes.run(decision.actions, context)
    const start = decision.actions.find((action) => action.kind === 'start')
    if (start && this.#request) {
      using _news = this.#deps.host.clock.setTimer(slowStartMs, () => this.#news.tell())
      this.#loop.repeat()
      await actions.start(start, this.#request, this.#starting.signal)
    } else {
      this.#news.tellSoon()
    }
    this.#loop.wakeAt(this.#nextWakeMs(decision))
  }

  #nextWakeMs({ wakeAtMs }: Decision): number {
    if (this.hasEnded) return Infinity
    // What is prepared only for starts is of no interest once nothing is started any more.
    const isStarting = this.#request !== undefined && !this.#starting.signal.aborted
    const preparationMs = isStarting ? this.#preparation.wakeAtMs : undefined
    const times = [wakeAtMs, this.#actions.retryAtMs, this.#resizes.retryAtMs, preparationMs]
    return Math.min(...times.map((atMs) => atMs ?? Infinity))
  }

  async #prepare(): Promise<void> {
    const request = this.#request
    const { host } = this.#deps
    if (!request || this.#starting.signal.aborted || this.hasEnded) return
    await this.#preparation.prepare(request, this.#starting.signal)
    const { sandbox } = this.#preparation
    if (!sandbox || !(await this.#ledger.noteSandbox(sandbox))) return
    const message = 'Pod sandbox changed, it will be killed and re-created.'
    host.recordEvent(this.ref, { type: 'Normal', reason: 'SandboxChanged', message })
  }

  #decide(): Decision {
    const { record } = this.#ledger
    const state = {
      pod: record.pod,
      containers: new Map(Object.entries(record.containers)),
      startTimeMs: record.startTimeMs,
      canStart:
        this.#request !== undefined &&
        !this.#starting.signal.aborted &&
        this.#preparation.isReady(record.pod),
      ending: record.ending,
      hasEnded: this.hasEnded,
      startFailures: this.#actions.startFailures,
      health: this.#probes.health,
    }
    const { crashBackoffCapMs } = this.#deps.options
    const { canResize } = this.#resizes
    return decide(state, this.#deps.host.clock.nowMs(), { crashBackoffCapMs, canResize })
  }

  /** Notes what was decided about the pod as a whole. */
  #take({ ends, waits, hasEnded }: Decision): void {
    const { host } = this.#deps
    if (ends) {
      this.#ledger.update(ends)
      this.#starting.abort()
      if (ends.failure) host.recordEvent(this.ref, { type: 'Normal', ...ends.failure })
    }
    this.#waits = waits
    for (const [name, wait] of waits) this.#backoffs.announce(name, wait, this.#ledger.record)
    if (!hasEnded || this.hasEnded) return
    this.#ledger.update({ endedAtMs: host.clock.nowMs() })
    this.#starting.abort()
    this.#inBackground(this.#preparation.stopSandbox())
  }

  #tell(container: string, event: RecordedEvent): void {
    this.#deps.host.recordEvent(this.ref, event, container)
  }

  /** What containers that have ended say about it, before anything is concluded from their end. */
  async #readMessages(): Promise<void> {
    const { runtime, host } = this.#deps
    const { signal } = this.#lifetime
    for (const { key, end } of this.#ledger.endsWithoutMessage()) {
      const spec = findContainer(this.#ledger.record.pod, key.name)?.spec
      const hasFile = runtime.volumes?.delivery === 'mount'
      const usesLog = spec?.terminationMessagePolicy === 'FallbackToLogsOnError'
      const run = {
        attemptDir: attemptDir(host.rootDir, key),
        end,
        readLog: this.#logOf(key),
        signal,
      }
      const message = spec && (hasFile || usesLog) ? await terminationMessage(spec, run) : ''
      this.#ledger.setMessage(key, message)
    }
  }

  #logOf(key: ContainerKey): ReadLog {
    const { runtime, host, logs } = this.#deps
    const { signal } = this.#lifetime
    return (query) =>
      runtime.logs?.(key, query, { signal, log: this.#log }) ??
      logs.read(attemptDir(host.rootDir, key), { query, signal })
  }

  async #save(): Promise<void> {
    const isSaved = await this.#ledger.save()
    if (isSaved) return
    this.#loop.wakeBy(this.#deps.host.clock.nowMs() + retrySaveMs)
  }

  #inBackground(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => {
        this.#log.warn({ error: messageOf(error) }, 'Background work of a pod failed')
      })
      .finally(() => this.#background.delete(task))
    this.#background.add(task)
  }
}
