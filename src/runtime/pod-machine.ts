// SPDX-License-Identifier: Apache-2.0
// One pod: carries out what decide() says, one step at a time. Whatever happens (a new spec, a container's
// end, a timer, a deletion) only wakes it; each step looks at everything anew. Stops run beside the
// steps because they last as long as their grace; starts are awaited, and a deletion aborts what precedes
// them. Nothing is started before the API has handed the pod over since our own start.
import type { CallContext, ObservedPod, PodRef, PodRequest } from '../provider/provider.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import type { ContainerKey, RuntimeContainer } from './container-runtime.ts'
import { recordStarted, startOne } from './container-starter.ts'
import { ContainerStops } from './container-stops.ts'
import { startErrorTermination } from './decide/container-record.ts'
import { logAttempt } from './decide/log-attempt.ts'
import type { Action, Decision, StartFailure, Wait } from './decide/next-step.ts'
import { decide, podName } from './decide/next-step.ts'
import { parseWireTime, wireTime } from './decide/wire-time.ts'
import type { MachineDeps } from './machine-deps.ts'
import { observedPod } from './observed-pod.ts'
import { containerDir, podDir } from './pod-dirs.ts'
import { PodLedger } from './pod-ledger.ts'
import { PodPreparation } from './pod-preparation.ts'
import type { PodRecord } from './pod-record.ts'
import { pruneAttempts } from './prune-attempts.ts'

type StartAction = Extract<Action, { kind: 'start' }>
type StopAction = Extract<Action, { kind: 'stop' }>

const retryStartMs = 10_000
const retryStepMs = 10_000
/** A start that takes longer does not hold up the news of what happened before it. */
const slowStartMs = 200

/** The life of one pod on a container runtime. */
export class PodMachine {
  readonly ref: PodRef
  readonly #deps: MachineDeps
  readonly #log: Logger
  readonly #ledger: PodLedger
  readonly #stops: ContainerStops
  readonly #preparation: PodPreparation
  readonly #lifetime = new AbortController()
  /** Aborted when nothing is to be started any more. */
  readonly #starting = new AbortController()
  readonly #startFailures = new Map<string, StartFailure>()
  readonly #announcedBackoffs = new Map<string, number>()
  readonly #background = new Set<Promise<void>>()
  #request: PodRequest | undefined
  #waits: ReadonlyMap<string, Wait> = new Map()
  /** The answer to a start was no answer: only the runtime knows whether anything runs. */
  #mustRelist = false
  #isNew = true
  #isDirty = false
  #stepping: Promise<void> | undefined
  #timer: Disposable | undefined
  #wakeAtMs = Infinity
  #published = ''

  constructor(deps: MachineDeps, initial: { ref: PodRef; record?: PodRecord | undefined }) {
    const { ref } = initial
    this.ref = ref
    this.#deps = deps
    this.#log = deps.host.log.child({ pod: `${ref.namespace}/${ref.name}`, uid: ref.uid })
    this.#ledger = new PodLedger(deps, { ...initial, log: this.#log })
    this.#preparation = new PodPreparation(deps, { ref, log: this.#log })
    this.#stops = new ContainerStops(deps.runtime, {
      clock: deps.host.clock,
      hooks: {
        stopped: (key) => this.#inBackground(this.#afterStop(key)),
        failed: (key, error) => this.#stopFailed(key, error),
      },
    })
  }

  get hasEnded(): boolean {
    return this.#ledger.hasEnded
  }

  /** When the node took the pod on, as the API has it. */
  get startTime(): string {
    return wireTime(this.#ledger.record.startTimeMs)
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

  /** The pod as it is now. */
  observed(): ObservedPod {
    const { record } = this.#ledger
    return observedPod({
      record,
      waits: this.#waits,
      isSandboxReady:
        this.#preparation.sandbox !== undefined || Object.keys(record.containers).length > 0,
      runOf: (name) => this.#ledger.currentRun(name),
    })
  }

  /** The pod as the API has it now: the first time, after a change, or after a restart of ours. */
  setRequest(request: PodRequest): void {
    if (this.hasEnded) return
    this.#request = request
    this.#ledger.setPod(request.pod, parseWireTime(request.pod.status?.startTime))
    this.#startFailures.clear()
    this.#preparation.retryNow()
    if (request.pod.metadata.deletionTimestamp !== undefined) this.#starting.abort()
    this.#wake()
  }

  /** Begins to end the pod, or hurries it. */
  delete(graceMs: number): void {
    if (this.hasEnded) return
    const known = this.#ledger.record.ending
    const deadlineMs = this.#deps.host.clock.nowMs() + graceMs
    this.#ledger.update({
      ending: {
        cause: known?.cause ?? 'deleted',
        deadlineMs: Math.min(deadlineMs, known?.deadlineMs ?? Infinity),
      },
    })
    this.#starting.abort()
    this.#wake()
  }

  /** The runtime told of a change. */
  onRun(run: RuntimeContainer): void {
    this.#ledger.addRun(run)
    this.#wake()
  }

  /** Every run of this pod that the runtime knew in `epoch`. */
  onList(runs: readonly RuntimeContainer[], epoch: number): void {
    const hasChanged = this.#ledger.setRuns(runs, epoch)
    const isNews = hasChanged || this.#mustRelist || this.#isNew
    this.#mustRelist = false
    this.#isNew = false
    if (isNews) this.#wake()
  }

  /** Removes the pod from the runtime and from the disk. */
  async cleanUp(context: CallContext): Promise<void> {
    const { runtime, logs } = this.#deps
    await this.dispose()
    for (const { key } of this.#ledger.runs.all()) await runtime.removeContainer(key, context)
    await runtime.removeSandbox(this.ref, context)
    await logs.forgetBelow(podDir(this.#deps.host.rootDir, this.ref.uid))
    await this.#preparation.removeDirs()
  }

  /** Ends all activity here; the pod itself goes on. */
  async dispose(): Promise<void> {
    this.#lifetime.abort()
    this.#starting.abort()
    this.#timer?.[Symbol.dispose]()
    await this.#stepping
    await Promise.all(this.#background)
    await this.#ledger.flush()
  }

  #wake(): void {
    this.#isDirty = true
    if (this.#lifetime.signal.aborted) return
    this.#stepping ??= this.#run()
  }

  async #run(): Promise<void> {
    try {
      while (this.#isDirty && !this.#lifetime.signal.aborted) {
        this.#isDirty = false
        await this.#step()
      }
      this.#inBackground(this.#save())
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'Pod step failed and is tried again')
      this.#wakeAt(this.#deps.host.clock.nowMs() + retryStepMs)
    } finally {
      this.#stepping = undefined
    }
  }

  async #step(): Promise<void> {
    if (this.#mustRelist) await this.#deps.refresh()
    await this.#prepare()
    const decision = this.#decide()
    this.#take(decision)
    for (const action of decision.actions) if (action.kind === 'stop') await this.#stop(action)
    const start = decision.actions.find((action) => action.kind === 'start')
    if (start && this.#request) await this.#start(start, this.#request)
    else this.#publish()
    const times = [decision.wakeAtMs, this.#stops.retryAtMs, this.#preparation.wakeAtMs]
    this.#wakeAt(this.hasEnded ? Infinity : Math.min(...times.map((atMs) => atMs ?? Infinity)))
  }

  async #prepare(): Promise<void> {
    const request = this.#request
    if (!request || this.#starting.signal.aborted || this.hasEnded) return
    await this.#preparation.prepare(request, this.#starting.signal)
    const { sandbox } = this.#preparation
    if (sandbox) this.#ledger.update({ podIPs: sandbox.podIPs })
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
      startFailures: this.#startFailures,
    }
    const { crashBackoffCapMs } = this.#deps.options
    return decide(state, this.#deps.host.clock.nowMs(), { crashBackoffCapMs })
  }

  /** Notes what was decided about the pod as a whole. */
  #take({ failed, waits, hasEnded }: Decision): void {
    const { host } = this.#deps
    if (failed) {
      this.#ledger.update({ failure: failed.failure, ending: failed.ending })
      this.#starting.abort()
      host.recordEvent(this.ref, { type: 'Normal', ...failed.failure })
    }
    this.#waits = waits
    for (const [name, wait] of waits) this.#announceBackoff(name, wait)
    if (!hasEnded || this.hasEnded) return
    this.#ledger.update({ endedAtMs: host.clock.nowMs() })
    this.#starting.abort()
  }

  #announceBackoff(name: string, { reason }: Wait): void {
    const { pod, containers } = this.#ledger.record
    const attempt = containers[name]?.attempt ?? 0
    if (reason !== 'CrashLoopBackOff' || this.#announcedBackoffs.get(name) === attempt) return
    this.#announcedBackoffs.set(name, attempt)
    const where = pod ? podName(pod) : this.ref.name
    const message = `Back-off restarting failed container ${name} in pod ${where}`
    this.#deps.host.recordEvent(this.ref, { type: 'Warning', reason: 'BackOff', message }, name)
  }

  async #start(action: StartAction, request: PodRequest): Promise<void> {
    const name = action.container
    const spec = request.pod.spec.containers.find((container) => container.name === name)
    if (!spec) return
    const key = { pod: this.ref, name, attempt: action.attempt }
    using _news = this.#deps.host.clock.setTimer(slowStartMs, () => this.#publish())
    const { podIPs } = this.#ledger.record
    const begin = (): Promise<void> => this.#ledger.begin(spec, action)
    const result = await startOne(
      { request, spec, key, podIPs, begin },
      {
        deps: {
          runtime: this.#deps.runtime,
          host: this.#deps.host,
          volumes: this.#preparation.volumes,
        },
        context: { signal: this.#starting.signal, log: this.#log },
      },
    )
    this.#isDirty = true
    if (result.kind === 'started') return this.#started(key, result.run)
    this.#startFailed(key, result)
  }

  #started(key: ContainerKey, run: RuntimeContainer): void {
    this.#startFailures.delete(key.name)
    this.#ledger.addRun(run)
    recordStarted(this.#deps.host, this.ref, key.name)
    if (key.attempt >= 2) this.#inBackground(this.#prune(key))
  }

  #startFailed(
    { name, attempt }: ContainerKey,
    result: Extract<Awaited<ReturnType<typeof startOne>>, { kind: 'failed' }>,
  ): void {
    const { failure, isUsedUp, isUnsure } = result
    const { host } = this.#deps
    const nowMs = host.clock.nowMs()
    if (isUnsure && !isUsedUp) this.#mustRelist = true
    if (this.#starting.signal.aborted && !isUsedUp) return
    const event = { reason: 'Failed', message: `Error: ${failure.message}` }
    host.recordEvent(this.ref, { type: 'Warning', ...event }, name)
    if (isUsedUp) {
      const image = this.#ledger.container(name)?.image ?? ''
      const end = startErrorTermination({ attempt, image }, { message: failure.message, nowMs })
      this.#ledger.end(name, end)
      return
    }
    this.#startFailures.set(name, { ...failure, retryAtMs: nowMs + retryStartMs })
  }

  async #stop({ container, attempt, graceMs, why }: StopAction): Promise<void> {
    const { record } = this.#ledger
    if (why === 'changed') await this.#ledger.markReplacing(container)
    const spec = record.pod?.spec.containers.find(({ name }) => name === container)
    const isFirst = this.#stops.order(
      {
        key: { pod: this.ref, name: container, attempt },
        graceMs,
        signal: spec?.lifecycle?.stopSignal,
      },
      { signal: this.#lifetime.signal, log: this.#log },
    )
    if (!isFirst) return
    const message =
      why === 'changed'
        ? `Container ${container} definition changed, will be restarted`
        : `Stopping container ${container}`
    this.#deps.host.recordEvent(this.ref, { type: 'Normal', reason: 'Killing', message }, container)
  }

  /** The runtime's own news may come a moment later; without them we ask. */
  async #afterStop({ name, attempt }: ContainerKey): Promise<void> {
    const current = this.#ledger.container(name)
    if (current?.attempt === attempt && current.stage === 'started') await this.#deps.refresh()
    this.#wake()
  }

  #stopFailed({ name }: ContainerKey, error: unknown): void {
    const message = `error killing pod: failed to stop container ${name}: ${messageOf(error)}`
    this.#log.warn({ container: name, error: messageOf(error) }, 'Container cannot be stopped yet')
    this.#deps.host.recordEvent(this.ref, { type: 'Warning', reason: 'FailedKillPod', message })
    this.#wake()
  }

  async #prune(current: ContainerKey): Promise<void> {
    const { runtime, host, logs } = this.#deps
    const dir = containerDir(host.rootDir, current)
    const removed = await pruneAttempts(current, {
      options: { runtime, dir, forget: (attemptDir) => logs.forget(attemptDir) },
      context: { signal: this.#lifetime.signal, log: this.#log },
    })
    for (const attempt of removed) this.#ledger.runs.remove(current.name, attempt)
  }

  async #save(): Promise<void> {
    const isSaved = await this.#ledger.save()
    if (isSaved) return
    this.#wakeAt(Math.min(this.#wakeAtMs, this.#deps.host.clock.nowMs() + retryStepMs))
  }

  #publish(): void {
    const observed = this.observed()
    const text = JSON.stringify(observed)
    if (text === this.#published) return
    this.#published = text
    this.#deps.publish(observed)
  }

  #wakeAt(atMs: number): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    this.#wakeAtMs = atMs
    if (atMs === Infinity || this.#lifetime.signal.aborted) return
    const { clock } = this.#deps.host
    this.#timer = clock.setTimer(atMs - clock.nowMs(), () => this.#wake())
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
