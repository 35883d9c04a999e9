// SPDX-License-Identifier: Apache-2.0
// Brings pod statuses to the API. It holds no statuses: at the moment of sending it asks for what is
// wanted and for what the API has, and sends the difference. So the newest state wins, nothing is sent
// without a change, and a status that others overwrote is set right again. Per pod one request is under
// way at most; over all pods a window that the server's overload shrinks. Retries never end.
import { ApiError, isConflict, isNotFound } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { pods } from '../kube/resources.ts'
import type { Pod, PodStatus } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import { backoffMs } from '../util/backoff.ts'
import type { BackoffOptions } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import { diffStatus } from './status-diff.ts'
import type { StatusPatch } from './status-diff.ts'
import { WriteWindow } from './write-window.ts'

/** What the API has and what it should have; asked for right before a write. */
export interface PendingStatus {
  /** The newest object known to be in the API. */
  readonly api: Pod
  readonly wanted: PodStatus
}

/** Where the writer reads what to write, and tells what became of it. */
export interface StatusSource {
  /** Undefined: nothing to write for this pod. */
  pending(uid: string): PendingStatus | undefined
  /** The API has taken the write of `sent`; more may have become wanted meanwhile. */
  written(uid: string, write: { readonly answer: Pod; readonly sent: PodStatus }): void
  /** The API has no pod of this uid. */
  gone(uid: string): void
}

export interface StatusWriterOptions {
  readonly nodeName: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics | undefined
  /** Writes under way at once at most; default 100. */
  readonly concurrency?: number
  readonly backoff?: BackoffOptions
}

const defaultBackoff: BackoffOptions = { baseMs: 200, factor: 2, capMs: 10_000, jitter: 0.25 }

type Outcome = 'ok' | 'gone' | 'conflict' | 'error'

interface Entry {
  state: 'queued' | 'writing' | 'delayed'
  /** Woken while it was being written. */
  isDirty: boolean
  failures: number
  /** How often the API server called the status invalid. */
  refusals: number
  timer: Disposable | undefined
}

/** A status that was called invalid so often is cut down to what cannot be wrong. */
const refusalsUntilCut = 2

/** Writes statuses for the pods of one node. */
export class StatusWriter implements AsyncDisposable {
  readonly #client: KubeClient
  readonly #source: StatusSource
  readonly #options: StatusWriterOptions
  readonly #window: WriteWindow
  readonly #entries = new Map<string, Entry>()
  /** Uids in the order in which they became ready; those forgotten since are skipped. */
  readonly #ready = new Set<string>()
  readonly #running = new Set<Promise<void>>()
  readonly #abort = new AbortController()

  constructor(client: KubeClient, source: StatusSource, options: StatusWriterOptions) {
    this.#client = client
    this.#source = source
    this.#options = options
    this.#window = new WriteWindow(options.concurrency ?? 100)
  }

  /** Has the status of this pod compared and written. A pod that waits after a failure goes on waiting. */
  wake(uid: string): void {
    if (this.#abort.signal.aborted) return
    const entry = this.#entries.get(uid)
    if (entry) {
      entry.isDirty = true
      return
    }
    this.#entries.set(uid, newEntry())
    this.#ready.add(uid)
    this.#pump()
  }

  /** Drops whatever waits for this pod. */
  forget(uid: string): void {
    const entry = this.#entries.get(uid)
    if (!entry || entry.state === 'writing') return
    entry.timer?.[Symbol.dispose]()
    this.#entries.delete(uid)
    this.#ready.delete(uid)
  }

  /** Statuses on their way: ready, being written, or waiting after a failure. */
  get size(): number {
    return this.#entries.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    for (const { timer } of this.#entries.values()) timer?.[Symbol.dispose]()
    await Promise.all(this.#running)
    this.#entries.clear()
    this.#ready.clear()
  }

  #pump(): void {
    if (this.#abort.signal.aborted) return
    for (const uid of this.#ready) {
      if (!this.#window.tryEnter()) return
      this.#ready.delete(uid)
      const write = this.#write(uid).catch((error: unknown) => {
        // An answer that is no pod, say. The pod's next news tries again.
        this.#options.log.error({ uid, error: messageOf(error) }, 'Status write failed oddly')
        this.#entries.delete(uid)
      })
      this.#running.add(write)
      void write.finally(() => {
        this.#running.delete(write)
        this.#pump()
      })
    }
  }

  async #write(uid: string): Promise<void> {
    const entry = this.#entries.get(uid)
    const pending = this.#source.pending(uid)
    const patch = entry && pending && this.#patchOf(entry, pending)
    if (!entry || !pending || !patch) {
      this.#window.leave()
      this.#entries.delete(uid)
      return
    }
    entry.state = 'writing'
    entry.isDirty = false
    const { namespace, name } = pending.api.metadata
    let answer: Pod
    try {
      answer = await this.#client.patch(
        pods,
        { namespace, name },
        { type: 'strategic', subresource: 'status', body: patch },
        { signal: this.#abort.signal },
      )
    } catch (error) {
      this.#failed(pending.api, entry, error)
      return
    }
    this.#window.leave()
    this.#done(uid, 'ok')
    this.#source.written(uid, { answer, sent: pending.wanted })
  }

  #patchOf(entry: Entry, pending: PendingStatus): StatusPatch | undefined {
    const wanted = entry.refusals >= refusalsUntilCut ? cutDown(pending) : pending.wanted
    try {
      return diffStatus(pending.api, wanted, this.#options.clock.nowMs())
    } catch (error) {
      this.#window.leave()
      throw error
    }
  }

  #failed({ metadata }: Pod, entry: Entry, error: unknown): void {
    const { namespace, name, uid } = metadata
    const { clock, log, backoff = defaultBackoff } = this.#options
    if (isOverload(error)) this.#window.leaveOverloaded(clock.monotonicMs())
    else this.#window.leave()
    if (this.#abort.signal.aborted) return
    if (isNotFound(error) || isUidConflict(error)) {
      this.#done(uid, 'gone')
      this.#source.gone(uid)
      return
    }
    this.#count(isConflict(error) ? 'conflict' : 'error')
    entry.failures++
    if (isInvalid(error)) entry.refusals++
    const wishMs = error instanceof VkError ? error.retryAfterMs : undefined
    const delayMs = Math.max(wishMs ?? 0, backoffMs(entry.failures, backoff))
    const fields = {
      pod: `${namespace}/${name}`,
      uid,
      error: messageOf(error),
      failures: entry.failures,
      retryInMs: Math.round(delayMs),
    }
    if (isOverload(error)) log.debug(fields, 'Status write was put off by the API server')
    else log.warn(fields, 'Cannot write pod status; will retry')
    entry.state = 'delayed'
    entry.timer = clock.setTimer(delayMs, () => this.#retry(uid, entry))
  }

  #retry(uid: string, entry: Entry): void {
    entry.state = 'queued'
    entry.timer = undefined
    this.#ready.add(uid)
    this.#pump()
  }

  // A wake during the write is answered by another look, through the front door.
  #done(uid: string, outcome: Outcome): void {
    const isDirty = this.#entries.get(uid)?.isDirty
    this.#entries.delete(uid)
    this.#count(outcome)
    if (isDirty && outcome === 'ok') queueMicrotask(() => this.wake(uid))
  }

  #count(outcome: Outcome): void {
    this.#options.metrics?.statusWrites.inc({ node: this.#options.nodeName, outcome })
  }
}

function newEntry(): Entry {
  return { state: 'queued', isDirty: false, failures: 0, refusals: 0, timer: undefined }
}

// A backend can report something that the API server refuses, such as an address it finds malformed.
// That must not keep the pod from its phase, nor, when it is deleted, from ever going.
function cutDown({ api, wanted }: PendingStatus): PodStatus {
  const { phase, reason, message, startTime, conditions, observedGeneration } = wanted
  return {
    ...api.status,
    ...(phase !== undefined && { phase }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
    ...(startTime !== undefined && { startTime }),
    ...(conditions && { conditions }),
    ...(observedGeneration !== undefined && { observedGeneration }),
  }
}

function isInvalid(error: unknown): boolean {
  return error instanceof ApiError && error.httpStatus === 422
}

function isOverload(error: unknown): boolean {
  return error instanceof ApiError && (error.httpStatus === 429 || error.httpStatus === 503)
}

/** The pod of that name is another one: the UID in the patch did not fit. */
function isUidConflict(error: unknown): boolean {
  return isConflict(error) && /uid/i.test(messageOf(error))
}
