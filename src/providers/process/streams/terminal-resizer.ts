// SPDX-License-Identifier: Apache-2.0
// Sets the size of the terminal that a container's program has, from outside: the program that holds it
// has no terminal of its own to follow. One size at a time, and of those that wait only the last.
import { execFile } from 'node:child_process'
import { readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { TerminalSize } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import type { ContainerProcess } from '../container-process.ts'
import { readProcessTable } from '../process-table.ts'

/** A container that has just started has its terminal a moment later, on a busy machine many moments. */
const retryMs = { first: 100, growth: 1.2, longest: 5000 }

/** Sizes for one container's terminal. */
export class TerminalResizer {
  readonly #container: ContainerProcess
  readonly #clock: Clock
  #wanted: TerminalSize | undefined
  #isRunning = false

  constructor(container: ContainerProcess, clock: Clock) {
    this.#container = container
    this.#clock = clock
  }

  /** Does nothing where there is no terminal, or it is gone. */
  resize(size: TerminalSize): void {
    this.#wanted = size
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    let pauseMs = retryMs.first
    while (this.#wanted !== undefined) {
      const size = this.#wanted
      if (await this.#apply(size)) {
        if (this.#wanted === size) this.#wanted = undefined
        continue
      }
      await this.#clock.sleep(pauseMs)
      pauseMs = Math.min(pauseMs * retryMs.growth, retryMs.longest)
    }
    this.#isRunning = false
  }

  async #apply({ width, height }: TerminalSize): Promise<boolean> {
    if (!this.#container.isRunning) return true
    try {
      const path = await this.#find()
      if (path === undefined) return false
      const size = ['rows', String(height), 'cols', String(width)]
      await promisify(execFile)('stty', ['-F', path, ...size], { env: { PATH: '/usr/bin:/bin' } })
      return true
    } catch {
      // It ended a moment ago, or the machine has no stty: the size stays as it is.
      return true
    }
  }

  /** The terminal on the input of whatever `script` has started. */
  async #find(): Promise<string | undefined> {
    const table = await readProcessTable()
    const script = (await this.#container.program())?.programPid
    if (script === undefined) return undefined
    for (const { parent, pid } of table) {
      if (parent !== script) continue
      // The name is that of the container's own terminals; the link leads to the right one.
      const path = `/proc/${pid}/fd/0`
      if (/^\/dev\/pts\/\d+$/.test(await readlink(path).catch(() => ''))) return path
    }
    return undefined
  }
}
