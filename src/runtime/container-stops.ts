// SPDX-License-Identifier: Apache-2.0
// The stops under way in one pod. A stop lasts as long as its grace, so none is waited for where it is
// ordered; one that waits is only ever hurried.
import type { CallContext } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { ContainerKey, ContainerRuntime } from './container-runtime.ts'

export interface StopOrder {
  readonly key: ContainerKey
  readonly graceMs: number
  readonly signal?: string | undefined
}

export interface StopHooks {
  /** The runtime says that it is done: is the container known to have ended? */
  isGone(key: ContainerKey): Promise<boolean>
  settled(): void
  failed(key: ContainerKey, error: unknown): void
}

interface Stop {
  deadlineMs: number
  calls: number
  /** A failed stop is not repeated before this. */
  retryAtMs: number
  /** Nothing wants this stop any more, if nobody orders it again. */
  isWanted: boolean
}

// Each wake of the pod computes the rest of the grace anew; a nearer deadline by less is noise.
const toleranceMs = 100
const retryAfterMs = 5000
/** A stop that has not come back so long after its grace is ordered once more. */
const overdueMs = 60_000

/** Stops under way, by container instance. */
export class ContainerStops {
  readonly #runtime: ContainerRuntime
  readonly #clock: Clock
  readonly #hooks: StopHooks
  readonly #stops = new Map<string, Stop>()

  constructor(runtime: ContainerRuntime, deps: { clock: Clock; hooks: StopHooks }) {
    this.#runtime = runtime
    this.#clock = deps.clock
    this.#hooks = deps.hooks
  }

  /** Begins to stop or shortens the grace; returns true when this is the first order for the run. */
  order(order: StopOrder, context: CallContext): boolean {
    const { key, graceMs } = order
    const nowMs = this.#clock.nowMs()
    const deadlineMs = nowMs + graceMs
    const known = this.#stops.get(idOf(key))
    if (known) known.isWanted = true
    const isOverdue = known !== undefined && nowMs >= known.deadlineMs + overdueMs
    const isSooner = known !== undefined && deadlineMs <= known.deadlineMs - toleranceMs
    if (known && known.calls > 0 && !isSooner && !isOverdue) return false
    if (known && known.calls === 0 && nowMs < known.retryAtMs) return false
    const stop = known ?? { deadlineMs, calls: 0, retryAtMs: 0, isWanted: true }
    stop.deadlineMs = deadlineMs
    stop.calls += 1
    this.#stops.set(idOf(key), stop)
    void this.#run(order, { stop, context })
    return known === undefined
  }

  /** Forgets failed stops that were not ordered again since the last call. */
  prune(): void {
    for (const [id, stop] of this.#stops) {
      if (stop.calls === 0 && !stop.isWanted) this.#stops.delete(id)
      stop.isWanted = false
    }
  }

  /** When a stop that failed, or that never answered, is due again. */
  get retryAtMs(): number | undefined {
    const times = [...this.#stops.values()].map(({ calls, retryAtMs, deadlineMs }) =>
      calls === 0 ? retryAtMs : deadlineMs + overdueMs,
    )
    return times.length === 0 ? undefined : Math.min(...times)
  }

  async #run(
    { key, graceMs, signal }: StopOrder,
    { stop, context }: { readonly stop: Stop; readonly context: CallContext },
  ): Promise<void> {
    try {
      const options = { graceMs, ...(signal !== undefined && { signal }) }
      await this.#runtime.stopContainer(key, options, context)
      if (!(await this.#hooks.isGone(key))) throw new Error('it is still listed as running')
      this.#stops.delete(idOf(key))
      this.#hooks.settled()
    } catch (error) {
      if (context.signal.aborted) return
      stop.calls -= 1
      stop.retryAtMs = this.#clock.nowMs() + retryAfterMs
      this.#hooks.failed(key, error)
    }
  }
}

function idOf({ name, attempt }: ContainerKey): string {
  return `${name}/${attempt}`
}
