// SPDX-License-Identifier: Apache-2.0
// Bounds what one container's log takes on the disk. The container holds its output files open, so
// they cannot be renamed: the oldest entries go by punching holes, a step at a time.
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import { markBytes, spanBytes } from './log-mark.ts'
import type { LogTailer } from './log-tailer.ts'
import { punchHole } from './punch-hole.ts'

export interface RotationOptions {
  readonly maxBytes: number
  readonly maxFiles: number
  readonly log: Logger
}

/** Rotates logs; gives up for good where holes cannot be punched. */
export class LogRotation {
  readonly #stepBytes: number
  readonly #keptBytes: number
  readonly #log: Logger
  #isPossible = true

  constructor({ maxBytes, maxFiles, log }: RotationOptions) {
    this.#stepBytes = maxBytes
    this.#keptBytes = maxBytes * Math.max(maxFiles - 1, 1)
    this.#log = log
  }

  /** Is the log a step over its size? */
  isDue(tailer: LogTailer): boolean {
    return this.#isPossible && storedBytes(tailer) >= this.#keptBytes + this.#stepBytes
  }

  /** Drops the oldest entries of a log that is due. */
  async rotate(tailer: LogTailer): Promise<void> {
    const { index } = tailer
    if (!this.isDue(tailer)) return
    const base = await this.#firstKept(tailer)
    // Readers leave the range before it is freed, and the file says so after: a crash in between
    // leaves marks that point to holes, which the next rotation drops.
    await index.dropBefore(base)
    try {
      await punchHole(tailer.stdoutPath, index.beforeBase.stdoutEnd)
      await punchHole(tailer.stderrPath, index.beforeBase.stderrEnd)
    } catch (error) {
      this.#isPossible = false
      this.#log.warn(
        { error: messageOf(error) },
        'Container logs are not rotated: fallocate --punch-hole does not work here',
      )
    }
    await index.compact()
  }

  async #firstKept({ index }: LogTailer): Promise<number> {
    let low = index.base
    let high = index.count
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const { marks } = await index.read(middle, 1)
      const kept = marks[0] ? spanBytes(marks[0], index.last) : 0
      if (kept + (index.count - middle) * markBytes > this.#keptBytes) low = middle + 1
      else high = middle
    }
    return low
  }
}

function storedBytes({ index }: LogTailer): number {
  return spanBytes(index.beforeBase, index.last) + (index.count - index.base) * markBytes
}
