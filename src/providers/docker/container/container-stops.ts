// SPDX-License-Identifier: Apache-2.0
// Ends containers: the stop signal, the grace, the kill. Events tell of the end; a look now and then makes up
// for one that got lost.
import type { CallContext } from '../../../provider/provider.ts'
import type { ContainerKey } from '../../../runtime/container-runtime.ts'
import type { Clock } from '../../../util/clock.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { isConflict, isNotFound } from '../engine/engine-error.ts'
import { idOf } from './container-labels.ts'
import type { ContainerTable } from './container-table.ts'

interface Stop {
  deadlineMs: number
  /** Aborted when the deadline moved. */
  moved: AbortController
  readonly done: Promise<void>
}

export interface StopOptions {
  readonly graceMs: number
  readonly signal: string
}

const lookEveryMs = 1000

interface Ending {
  readonly stop: Pick<Stop, 'deadlineMs' | 'moved'>
  readonly first: string | undefined
  readonly context: CallContext
}

interface Pause {
  readonly stop: Pick<Stop, 'deadlineMs' | 'moved'>
  readonly forMs: number
  readonly context: CallContext
}

/** Stops under way, by run. */
export class ContainerStops {
  readonly #engine: Engine
  readonly #table: ContainerTable
  readonly #clock: Clock
  readonly #stops = new Map<string, Stop>()

  constructor(parts: { engine: Engine; table: ContainerTable; clock: Clock }) {
    this.#engine = parts.engine
    this.#table = parts.table
    this.#clock = parts.clock
  }

  /** Resolves when it has ended. A later call can only shorten the grace of an earlier one. */
  stop(key: ContainerKey, { graceMs, signal }: StopOptions, context: CallContext): Promise<void> {
    const id = idOf(key)
    const deadlineMs = this.#clock.monotonicMs() + graceMs
    const known = this.#stops.get(id)
    if (known) {
      if (deadlineMs < known.deadlineMs) {
        known.deadlineMs = deadlineMs
        known.moved.abort()
      }
      return known.done
    }
    const stop = { deadlineMs, moved: new AbortController() }
    const first = graceMs > 0 ? signal : undefined
    const done = this.#end(key, { stop, first, context }).finally(() => this.#stops.delete(id))
    this.#stops.set(id, Object.assign(stop, { done }))
    return done
  }

  /** Is it being stopped? Then its end is nobody else's doing. */
  isStopping(key: ContainerKey): boolean {
    return this.#stops.has(idOf(key))
  }

  async #end(key: ContainerKey, { stop, first, context }: Ending): Promise<void> {
    if (first !== undefined) await this.#sendFirst(key, { stop, first, context })
    while (this.#isRunning(key)) {
      const leftMs = stop.deadlineMs - this.#clock.monotonicMs()
      if (leftMs <= 0) await this.#kill(key, 'SIGKILL', context)
      await this.#pause(key, { stop, forMs: leftMs <= 0 ? lookEveryMs : leftMs, context })
    }
  }

  /** The grace is the container's: what a busy engine takes to send the signal does not count. */
  async #sendFirst(key: ContainerKey, { stop, first = '', context }: Ending): Promise<void> {
    const { deadlineMs } = stop
    const startMs = this.#clock.monotonicMs()
    await this.#kill(key, first, context)
    const isHurried = stop.deadlineMs !== deadlineMs
    if (!isHurried) stop.deadlineMs += this.#clock.monotonicMs() - startMs
  }

  /** Until it has ended, the deadline moved or the time is over; looks at it if nothing was heard. */
  async #pause(key: ContainerKey, { stop, forMs, context }: Pause): Promise<void> {
    stop.moved = new AbortController()
    const ended = new AbortController()
    using _watch = this.#table.onChange((run) => {
      if (idOf(run.key) === idOf(key) && run.state.kind !== 'running') ended.abort()
    })
    if (!this.#isRunning(key)) return
    const signal = AbortSignal.any([stop.moved.signal, ended.signal, context.signal])
    await this.#clock.sleep(Math.min(forMs, lookEveryMs), { signal }).catch(() => {
      // Woken: the loop looks why.
    })
    context.signal.throwIfAborted()
    const known = this.#table.get(key)
    if (known && this.#isRunning(key)) await this.#table.refresh(known.engineId, context.signal)
  }

  async #kill(key: ContainerKey, signal: string, context: CallContext): Promise<void> {
    const known = this.#table.get(key)
    if (!known || !this.#isRunning(key)) return
    const path = `/containers/${known.engineId}/kill`
    const request = { method: 'POST', path, query: { signal } } as const
    try {
      await this.#engine.client.text(request, { signal: context.signal })
    } catch (error) {
      // It is over, or gone: the look that follows says so.
      if (!isConflict(error) && !isNotFound(error)) throw error
      await this.#table.refresh(known.engineId, context.signal)
    }
  }

  #isRunning(key: ContainerKey): boolean {
    return this.#table.get(key)?.run.state.kind === 'running'
  }
}
