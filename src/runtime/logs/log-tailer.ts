// SPDX-License-Identifier: Apache-2.0
// Follows the output files of one container run and marks in the index what arrived when. It reads
// next to nothing: of each growth only the block that holds the last line's end.
import { watch, type FSWatcher } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../util/clock.ts'
import { stderrFileName, stdoutFileName } from '../container-runtime.ts'
import { LogIndex } from './log-index.ts'
import type { LogMark } from './log-mark.ts'
import { entryEnds, stateOf } from './output-file.ts'

export const indexFileName = 'log.idx'

// A busy log gets a mark per 25 ms; one that was quiet gets its mark at once.
const quietMs = 25

interface Arrival {
  readonly isStdout: boolean
  readonly timeMs: number
  readonly isFinal: boolean
  /** As far as the file is looked at; left out: to its end. */
  readonly size?: number
}

/** Marks the output of one container run as it comes. */
export class LogTailer {
  readonly dir: string
  readonly index: LogIndex
  readonly #clock: Clock
  readonly #waiters = new Set<() => void>()
  #watcher: FSWatcher | undefined
  #timer: Disposable | undefined
  #markedAtMs = -Infinity
  #failure: unknown
  #isFinished = false

  constructor(dir: string, clock: Clock) {
    this.dir = dir
    this.#clock = clock
    this.index = new LogIndex(join(dir, indexFileName))
  }

  get stdoutPath(): string {
    return join(this.dir, stdoutFileName)
  }

  get stderrPath(): string {
    return join(this.dir, stderrFileName)
  }

  /** Nothing more is written, and all is marked. */
  get isFinished(): boolean {
    return this.#isFinished
  }

  /** False: the kernel gives no more watches, and somebody must call `catchUp` now and then. */
  get isWatching(): boolean {
    return this.#watcher !== undefined
  }

  /** Why the output could not be looked at when that was last tried; the next look may go well. */
  get failure(): unknown {
    return this.#failure
  }

  /** Begins to follow; what was written while nobody looked is marked with the files' own times. */
  start(): void {
    this.#watch()
    this.#catchUpLate({ isFinal: false })
  }

  /**
   * Marks what has arrived. A program's last words go to stderr, after what it had to say on stdout: of stderr
   * counts what was there before stdout was looked at, so that none of it comes before what preceded it.
   */
  catchUp(): void {
    if (this.#isFinished) return
    const look = { timeMs: this.#clock.nowMs(), isFinal: false }
    this.#failure = undefined
    const stderrSize = this.#guard(() => stateOf(this.stderrPath).size)
    this.#guard(() => this.#markGrowth({ isStdout: true, ...look }))
    if (stderrSize === undefined) return
    this.#guard(() => this.#markGrowth({ isStdout: false, size: stderrSize, ...look }))
  }

  /** The run has ended: marks the rest, terminated or not. */
  finish(): void {
    if (this.#isFinished) return
    this.#catchUpLate({ isFinal: true })
    this.#isFinished = true
    this.stop()
    this.#notify()
  }

  /** Ends following without the run having ended. */
  stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }

  /** Resolves when there is something new, or the run has ended, or the signal aborts. */
  async whenChanged(signal: AbortSignal): Promise<void> {
    if (this.#isFinished || signal.aborted) return
    const { promise, resolve: settle } = Promise.withResolvers<void>()
    const resolve = (): void => settle()
    this.#waiters.add(resolve)
    signal.addEventListener('abort', resolve)
    await promise
    signal.removeEventListener('abort', resolve)
    this.#waiters.delete(resolve)
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.dir, { persistent: false }, (_event, name) => {
        if (name === stdoutFileName || name === stderrFileName) this.#onChange()
      })
      this.#watcher.on('error', () => this.stop())
    } catch {
      // No watches left, or none on this file system: the store polls.
      this.#watcher = undefined
    }
  }

  #onChange(): void {
    if (this.#timer) return
    const waitMs = this.#markedAtMs + quietMs - this.#clock.monotonicMs()
    if (waitMs <= 0) {
      this.catchUp()
      return
    }
    this.#timer = this.#clock.setTimer(waitMs, () => {
      this.#timer = undefined
      this.catchUp()
    })
  }

  /** In order of last change, with that as the time: the closest to the truth that is left. */
  #catchUpLate({ isFinal }: { readonly isFinal: boolean }): void {
    this.#failure = undefined
    const files = [
      { isStdout: true, ...stateOf(this.stdoutPath) },
      { isStdout: false, ...stateOf(this.stderrPath) },
    ].sort((a, b) => a.modifiedMs - b.modifiedMs)
    for (const { isStdout, modifiedMs } of files) {
      const timeMs = Math.min(modifiedMs, this.#clock.nowMs())
      this.#guard(() => this.#markGrowth({ isStdout, timeMs, isFinal }))
    }
  }

  /** Undefined: it has failed. Looks are made in callbacks of the kernel's notices, where nobody could catch that. */
  #guard<T>(look: () => T): T | undefined {
    try {
      return look()
    } catch (error) {
      this.#failure = error
      return undefined
    }
  }

  #markGrowth(what: Arrival): void {
    const path = what.isStdout ? this.stdoutPath : this.stderrPath
    const { last } = this.index
    const from = what.isStdout ? last.stdoutEnd : last.stderrEnd
    const size = what.size ?? stateOf(path).size
    const ends = entryEnds(path, { from, size, isFinal: what.isFinal })
    for (const end of ends) if (!this.index.add(this.#markAt(end, what))) break
    if (ends.length === 0) return
    this.#markedAtMs = this.#clock.monotonicMs()
    this.#notify()
  }

  #markAt(end: number, what: Arrival): LogMark {
    const { last } = this.index
    return {
      // Times never go back within a log, whatever the wall clock does.
      timeMs: Math.max(what.timeMs, last.timeMs),
      stdoutEnd: what.isStdout ? end : last.stdoutEnd,
      stderrEnd: what.isStdout ? last.stderrEnd : end,
    }
  }

  #notify(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }
}
