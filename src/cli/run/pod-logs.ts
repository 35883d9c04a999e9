// SPDX-License-Identifier: Apache-2.0
// Streams the logs of all pods of a run: a follower for each life of each container, opened as soon as
// the API says that it started. A stream that breaks is opened again and what was handed on is skipped,
// so that no line is lost or repeated.
import { isNotFound } from '../../kube/api-error.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { ClusterAccess } from '../cluster-access.ts'
import { linesOf, readLogBytes } from '../log-stream.ts'
import type { TrackedPod } from './judge-run.ts'
import { logInstances } from './log-instances.ts'
import type { LogInstance } from './log-instances.ts'

/** Whose line it is. */
export interface LogSource {
  readonly pod: Pod
  readonly container: string
}

export interface PodLogsOptions {
  readonly clock: Clock
  readonly onLine: (source: LogSource, line: string) => void
  /** A log that could not be read to its end. */
  readonly onProblem: (source: LogSource, why: string) => void
}

interface Follower {
  readonly source: LogSource
  readonly instance: LogInstance
  readonly isLast: () => boolean
  /** Lines that were handed on. */
  handedOn: number
}

const retryMs = 300
const maxRetries = 10
/** How long the status of a container may trail the end of its log. */
const trailMs = 3000

/** Followers of logs; `update` is to be called with the newest pods. */
export class PodLogs implements AsyncDisposable {
  readonly #access: ClusterAccess
  readonly #options: PodLogsOptions
  readonly #abort = new AbortController()
  readonly #running = new Map<string, Promise<void>>()
  readonly #started = new Set<string>()
  #pods = new Map<string, TrackedPod>()

  constructor(access: ClusterAccess, options: PodLogsOptions) {
    this.#access = access
    this.#options = options
  }

  /** Opens what is new. */
  update(pods: readonly TrackedPod[]): void {
    this.#pods = new Map(pods.map((tracked) => [tracked.pod.metadata.uid, tracked]))
    for (const { pod } of pods) {
      for (const instance of logInstances(pod)) {
        const key = keyOf(pod, instance)
        if (this.#started.has(key)) continue
        this.#started.add(key)
        const source = { pod, container: instance.container }
        const isLast = (): boolean => this.#isOver(pod.metadata.uid, instance)
        const running = this.#follow({ source, instance, isLast, handedOn: 0 })
        this.#running.set(
          key,
          running.finally(() => this.#running.delete(key)),
        )
      }
    }
  }

  /** Resolves once every log that belongs to an ended pod has been read, or the signal aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const open = [...this.#running].filter(([key]) => this.#hasEnded(key.split('/')[0] ?? ''))
      if (open.length === 0) return
      const stopped = Promise.withResolvers<void>()
      const onAbort = (): void => stopped.resolve()
      signal.addEventListener('abort', onAbort, { once: true })
      await Promise.race([...open.map(([, running]) => running), stopped.promise])
      signal.removeEventListener('abort', onAbort)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new DOMException('No more logs are wanted', 'AbortError'))
    await Promise.all(this.#running.values())
  }

  #hasEnded(uid: string): boolean {
    const tracked = this.#pods.get(uid)
    const phase = tracked?.pod.status?.phase
    return !tracked || tracked.isGone || phase === 'Succeeded' || phase === 'Failed'
  }

  /** Has the life of this container ended, by what the API says? */
  #isOver(uid: string, { container, restartCount }: LogInstance): boolean {
    const tracked = this.#pods.get(uid)
    if (!tracked || tracked.isGone) return true
    const same = logInstances(tracked.pod).find(
      (one) => one.container === container && one.restartCount === restartCount,
    )
    return same?.hasEnded ?? true
  }

  /** Never rejects. */
  async #follow(follower: Follower): Promise<void> {
    const { source } = follower
    const { clock, onProblem } = this.#options
    const signal = this.#abort.signal
    for (let failures = 0; !signal.aborted;) {
      const before = follower.handedOn
      try {
        await this.#read(follower)
        if (await this.#endIsKnown(follower)) return
      } catch (error) {
        if (signal.aborted) return
        failures = follower.handedOn > before ? 1 : failures + 1
        if (isNotFound(error) || failures > maxRetries) {
          onProblem(source, messageOf(error))
          return
        }
        await clock.sleep(retryMs * failures, { signal }).catch(() => {
          // Aborted: the loop's condition ends it.
        })
      }
    }
  }

  /** Hands on what lies behind the lines that were handed on already. */
  async #read(follower: Follower): Promise<void> {
    const { source, instance } = follower
    const { namespace, name } = source.pod.metadata
    const query = {
      container: instance.container,
      ...(instance.isPrevious ? { previous: true } : { follow: true }),
    }
    const signal = this.#abort.signal
    const bytes = readLogBytes(this.#access, { pod: { namespace, name }, query, signal })
    let count = 0
    for await (const line of linesOf(bytes)) {
      count += 1
      if (count <= follower.handedOn) continue
      follower.handedOn = count
      this.#options.onLine(source, line)
    }
  }

  // The end of a stream may be the end of the container or of a connection on the way.
  async #endIsKnown({ isLast }: Follower): Promise<boolean> {
    const { clock } = this.#options
    const deadlineMs = clock.monotonicMs() + trailMs
    while (!isLast()) {
      if (clock.monotonicMs() >= deadlineMs) return false
      await clock.sleep(100, { signal: this.#abort.signal })
    }
    return true
  }
}

function keyOf({ metadata }: Pod, { container, restartCount }: LogInstance): string {
  return `${metadata.uid}/${container}/${restartCount}`
}
