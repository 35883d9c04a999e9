// SPDX-License-Identifier: Apache-2.0
// Starts and stops the containers of one pod as decided, tells of it by the kubelet's events, and keeps
// what the next decision needs: which starts failed, and whether only the runtime knows what runs.
import type { Container } from '../kube/types.gen.ts'
import type { CallContext, PodRequest } from '../provider/provider.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import { ContainerHooks } from './container-hooks.ts'
import type { ContainerKey, RuntimeContainer } from './container-runtime.ts'
import { startOne, type StartResult } from './container-starter.ts'
import { ContainerStops } from './container-stops.ts'
import { startErrorTermination } from './decide/container-record.ts'
import { isPullFailure, nextImageBackoff, pullFailure } from './decide/image-backoff.ts'
import type { ImageBackoff } from './decide/image-backoff.ts'
import { findContainer } from './decide/pod-containers.ts'
import type { Action, Failure, StartFailure } from './decide/pod-state.ts'
import type { MachineDeps } from './machine-deps.ts'
import { containerDir } from './pod-dirs.ts'
import type { PodLedger } from './pod-ledger.ts'
import { pruneAttempts } from './prune-attempts.ts'
import type { PodVolumes } from './volumes/pod-volumes.ts'

type StartAction = Extract<Action, { kind: 'start' }>
type StopAction = Extract<Action, { kind: 'stop' }>
type HookAction = Extract<Action, { kind: 'postStart' | 'preStop' }>

interface FailedStart {
  readonly spec: Container
  readonly result: Extract<StartResult, { kind: 'failed' }>
  readonly isAborted: boolean
}

const retryStartMs = 10_000

export interface ActionParts {
  readonly ledger: PodLedger
  readonly volumes: PodVolumes
  readonly log: Logger
  /** Something has happened that a decision may follow from. */
  wake(): void
  /** Work that nothing waits for but the pod's end. */
  inBackground(work: Promise<void>): void
}

/** What is done to one pod's containers. */
export class ContainerActions {
  readonly #deps: MachineDeps
  readonly #parts: ActionParts
  readonly #stops: ContainerStops
  readonly #hooks: ContainerHooks
  /** By container, the run whose end was announced last by an event. */
  readonly #announced = new Map<string, number>()
  readonly #startFailures = new Map<string, StartFailure>()
  readonly #imageBackoffs = new Map<string, ImageBackoff>()
  /** The answer to a start was no answer: only the runtime knows whether anything runs. */
  #isUnsure = false

  constructor(deps: MachineDeps, parts: ActionParts) {
    this.#deps = deps
    this.#parts = parts
    this.#stops = new ContainerStops(deps.runtime, {
      clock: deps.host.clock,
      hooks: {
        isGone: (key) => this.#isGone(key),
        settled: () => parts.wake(),
        failed: (key, error) => this.#stopFailed(key, error),
      },
    })
    this.#hooks = new ContainerHooks({
      run: deps.runHook,
      log: parts.log,
      ended: (key, outcome) => {
        parts.ledger.noteHook(key, outcome)
        parts.wake()
      },
      event: (event, name) => this.#event('Warning', { ...event, name }),
    })
  }

  get startFailures(): ReadonlyMap<string, StartFailure> {
    return this.#startFailures
  }

  /** Must a list be taken in before anything is decided? */
  get mustRelist(): boolean {
    return this.#isUnsure
  }

  /** When a failed stop is due again. */
  get retryAtMs(): number | undefined {
    return this.#stops.retryAtMs
  }

  /** A list has been taken in. */
  relisted(): void {
    this.#isUnsure = false
  }

  /** What failed before is tried at once, but for what a registry is asked for. */
  retryNow(): void {
    for (const [name, { later }] of this.#startFailures) {
      if (!later) this.#startFailures.delete(name)
    }
  }

  /** All that was decided is ordered: what failed before and is not wanted any more is forgotten. */
  ordered(): void {
    this.#stops.prune()
    this.#hooks.prune((key) => this.#isRunning(key))
  }

  /** What is under way is left to itself; hooks end. */
  [Symbol.dispose](): void {
    this.#hooks[Symbol.dispose]()
  }

  /** Starts a container; never rejects. The signal aborts while nothing has been started yet. */
  async start(action: StartAction, request: PodRequest, signal: AbortSignal): Promise<void> {
    const { ledger, volumes, log } = this.#parts
    const { runtime, host } = this.#deps
    const { container: name, attempt } = action
    const spec = findContainer(request.pod, name)?.spec
    if (!spec) return
    const { ref, podIPs } = ledger.record
    const key = { pod: ref, name, attempt }
    const begin = (): Promise<void> => ledger.begin(spec, action)
    const result = await startOne(
      { request, spec, key, podIPs, begin },
      { deps: { runtime, host, volumes }, context: { signal, log } },
    )
    if (result.kind === 'started') return this.#started(key, result.run)
    this.#startFailed(key, { spec, result, isAborted: signal.aborted })
    // No runtime knows of such a run: the record alone keeps it from being tried once more.
    if (result.isUsedUp) await ledger.save()
  }

  /** Begins to stop a container, or hurries it. */
  stop(action: StopAction, context: CallContext): void {
    const { container: name, attempt, graceMs, message } = action
    const { ref, pod } = this.#parts.ledger.record
    const key = { pod: ref, name, attempt }
    const signal = findContainer(pod, name)?.spec.lifecycle?.stopSignal
    this.#hooks.abandon(key)
    if (this.#stops.order({ key, graceMs, signal }, context)) this.#announceStop(key, message)
  }

  /** Begins to run a hook; what becomes of it is noted in the ledger. */
  runHook(action: HookAction): void {
    const { container: name, attempt } = action
    const { ref, pod, podIPs } = this.#parts.ledger.record
    const spec = findContainer(pod, name)?.spec
    if (!pod || !spec) return
    const key = { pod: ref, name, attempt }
    const podIP = podIPs[0] ?? ''
    this.#hooks.start({ key, kind: action.kind, pod, spec, podIP, ...timeoutOf(action) })
    if (action.kind === 'preStop') this.#announceStop(key, action.message)
  }

  #announceStop({ name, attempt }: ContainerKey, message: string): void {
    if (this.#announced.get(name) === attempt) return
    this.#announced.set(name, attempt)
    this.#event('Normal', { reason: 'Killing', message, name })
  }

  #started(key: ContainerKey, run: RuntimeContainer): void {
    const { name } = key
    this.#startFailures.delete(name)
    this.#parts.ledger.addRun(run)
    this.#event('Normal', { reason: 'Created', message: 'Container created', name })
    this.#event('Normal', { reason: 'Started', message: 'Container started', name })
    if (key.attempt >= 2) this.#parts.inBackground(this.#prune(key))
  }

  #startFailed({ name, attempt }: ContainerKey, { spec, result, isAborted }: FailedStart): void {
    const { failure, isUsedUp, isUnsure } = result
    const { ledger } = this.#parts
    if (isUnsure && !isUsedUp) this.#isUnsure = true
    if (isAborted && !isUsedUp) return
    const { message } = failure
    if (isPullFailure(failure.reason)) return this.#pullFailed(spec, failure)
    this.#event('Warning', { reason: 'Failed', message: `Error: ${message}`, name })
    const nowMs = this.#deps.host.clock.nowMs()
    if (isUsedUp) {
      const image = ledger.container(name)?.image ?? ''
      ledger.end(name, startErrorTermination({ attempt, image }, { message, nowMs }))
      return
    }
    this.#startFailures.set(name, { ...failure, retryAtMs: nowMs + retryStartMs })
  }

  #pullFailed({ name, image = '' }: Container, { reason, message }: Failure): void {
    const nowMs = this.#deps.host.clock.nowMs()
    const backoff = nextImageBackoff(this.#imageBackoffs.get(image), nowMs)
    this.#imageBackoffs.set(image, backoff)
    this.#startFailures.set(name, pullFailure(image, { reason, message, backoff }))
    const why = `Failed to pull image "${image}": ${message}`
    this.#event('Warning', { reason: 'Failed', message: why, name })
    this.#event('Warning', { reason: 'Failed', message: `Error: ${reason}`, name })
  }

  /** The runtime's own news may come a moment after the stop; without them we ask. */
  async #isGone(key: ContainerKey): Promise<boolean> {
    if (this.#isRunning(key)) await this.#deps.refresh()
    return !this.#isRunning(key)
  }

  #isRunning({ name, attempt }: ContainerKey): boolean {
    const current = this.#parts.ledger.container(name)
    return current?.attempt === attempt && current.stage === 'started'
  }

  #stopFailed({ name }: ContainerKey, error: unknown): void {
    const why = messageOf(error)
    this.#parts.log.warn({ container: name, error: why }, 'Container cannot be stopped yet')
    const message = `error killing pod: failed to stop container ${name}: ${why}`
    this.#event('Warning', { reason: 'FailedKillPod', message })
    this.#parts.wake()
  }

  async #prune(current: ContainerKey): Promise<void> {
    const { runtime, host, logs } = this.#deps
    const { ledger, log } = this.#parts
    const removed = await pruneAttempts(current, {
      options: {
        runtime,
        dir: containerDir(host.rootDir, current),
        forget: (dir) => logs.forget(dir),
      },
      context: { signal: new AbortController().signal, log },
    })
    for (const attempt of removed) ledger.runs.remove(current.name, attempt)
  }

  #event(
    type: 'Normal' | 'Warning',
    { reason, message, name }: { reason: string; message: string; name?: string },
  ): void {
    const { host } = this.#deps
    host.recordEvent(this.#parts.ledger.record.ref, { type, reason, message }, name)
  }
}

function timeoutOf(action: HookAction): { readonly timeoutMs?: number } {
  return action.kind === 'preStop' ? { timeoutMs: action.timeoutMs } : {}
}
