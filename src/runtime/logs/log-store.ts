// SPDX-License-Identifier: Apache-2.0
// The logs of all container runs on this node. A run is tailed while it lasts; after its end only its
// files remain, and are opened when somebody reads them.
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import { readLog } from './log-reader.ts'
import { LogRotation } from './log-rotation.ts'
import { LogTailer } from './log-tailer.ts'

export interface LogStoreOptions {
  readonly clock: Clock
  readonly log: Logger
  /** One step of rotation. */
  readonly maxBytes?: number | undefined
  /** How many steps are kept. */
  readonly maxFiles?: number | undefined
}

// Logs that the kernel does not watch are looked at with each tick.
const tickMs = 1000
/** Watched logs are looked at too, now and then: a flood can make the kernel drop notices. */
const pollWatchedEvery = 10
/** What an index loses by kill -9 is times of this long: not worth a write per line. */
const flushEvery = 5
const flushAtMarks = 256
const complainEveryMs = 60_000

/** Logs by the directory of their run. */
export class LogStore implements AsyncDisposable {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #rotation: LogRotation
  readonly #live = new Map<string, LogTailer>()
  readonly #lastFlush = new Map<string, Promise<void>>()
  #timer: Disposable | undefined
  #ticks = 0
  #isDisposed = false
  #quietUntilMs = -Infinity

  constructor({ clock, log, maxBytes = 10 << 20, maxFiles = 5 }: LogStoreOptions) {
    this.#clock = clock
    this.#log = log
    this.#rotation = new LogRotation({ maxBytes, maxFiles, log })
  }

  /** The run in `dir` writes from now on, or still does. */
  tail(dir: string): void {
    if (this.#live.has(dir) || this.#isDisposed) return
    try {
      const tailer = new LogTailer(dir, this.#clock)
      this.#live.set(dir, tailer)
      tailer.start()
    } catch (error) {
      // The container runs on, and its output stays: it is looked at again when somebody reads it.
      this.#live.delete(dir)
      this.#complain(error)
    }
    this.#schedule()
  }

  /** The run in `dir` has ended: whoever follows gets the rest and is done. */
  finish(dir: string): void {
    const tailer = this.#live.get(dir)
    if (!tailer) return
    this.#live.delete(dir)
    try {
      tailer.finish()
    } catch (error) {
      this.#complain(error)
    }
    this.#flush(tailer)
  }

  /** The stored output of the run in `dir`, oldest first. */
  async *read(
    dir: string,
    { query, signal }: { readonly query: LogQuery; readonly signal: AbortSignal },
  ): AsyncGenerator<LogBatch, void, void> {
    const live = this.#live.get(dir)
    yield* readLog(live ?? (await this.#openEnded(dir)), { query, signal })
  }

  /** The directory is about to be removed. */
  async forget(dir: string): Promise<void> {
    this.#live.get(dir)?.stop()
    this.#live.delete(dir)
    await this.#lastFlush.get(dir)
  }

  /** As `forget`, for all runs below `parent`. */
  async forgetBelow(parent: string): Promise<void> {
    const dirs = [...this.#live.keys(), ...this.#lastFlush.keys()]
    for (const dir of dirs) if (dir.startsWith(`${parent}/`)) await this.forget(dir)
  }

  /** Resolves when everything that is being written is written. */
  async idle(): Promise<void> {
    await Promise.all(this.#lastFlush.values())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#timer?.[Symbol.dispose]()
    for (const tailer of this.#live.values()) {
      tailer.catchUp()
      tailer.stop()
      this.#flush(tailer)
    }
    await this.idle()
  }

  async #openEnded(dir: string): Promise<LogTailer> {
    await this.#lastFlush.get(dir)
    const tailer = new LogTailer(dir, this.#clock)
    tailer.finish()
    if (tailer.index.pendingCount > 0) this.#flush(tailer)
    return tailer
  }

  #schedule(): void {
    if (this.#timer || this.#isDisposed || this.#live.size === 0) return
    this.#timer = this.#clock.setTimer(tickMs, () => {
      this.#timer = undefined
      this.#tick()
      this.#schedule()
    })
  }

  #tick(): void {
    this.#ticks += 1
    let slot = this.#ticks
    for (const tailer of this.#live.values()) {
      // Each in its turn, so that a thousand logs are not written at once.
      slot += 1
      if (!tailer.isWatching || slot % pollWatchedEvery === 0) tailer.catchUp()
      if (tailer.failure !== undefined) this.#complain(tailer.failure)
      if (this.#isFlushDue(tailer, slot)) this.#flush(tailer)
    }
  }

  #isFlushDue(tailer: LogTailer, slot: number): boolean {
    const { pendingCount } = tailer.index
    if (this.#lastFlush.has(tailer.dir)) return false
    if (this.#rotation.isDue(tailer) || pendingCount >= flushAtMarks) return true
    return pendingCount > 0 && slot % flushEvery === 0
  }

  #flush(tailer: LogTailer): void {
    const { dir } = tailer
    const before = this.#lastFlush.get(dir)
    const flush = this.#flushAfter(before, tailer).finally(() => {
      if (this.#lastFlush.get(dir) === flush) this.#lastFlush.delete(dir)
    })
    this.#lastFlush.set(dir, flush)
  }

  async #flushAfter(before: Promise<void> | undefined, tailer: LogTailer): Promise<void> {
    await before
    await this.#flushAndRotate(tailer)
  }

  async #flushAndRotate(tailer: LogTailer): Promise<void> {
    try {
      await tailer.index.flush()
      await this.#rotation.rotate(tailer)
    } catch (error) {
      this.#complain(error)
    }
  }

  /** Not for each of a thousand containers, twice a second, while a disk is full. */
  #complain(error: unknown): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs < this.#quietUntilMs) return
    this.#quietUntilMs = nowMs + complainEveryMs
    this.#log.warn({ error: messageOf(error) }, 'Container logs cannot be indexed at the moment')
  }
}
