// SPDX-License-Identifier: Apache-2.0
// Files that others replace while we run (certificates, mostly by renames or by the symlinks of a
// mounted Secret, which file notification misses): read again every few seconds and handed over when
// their content changed. Content that is refused leaves the last good one standing.
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf, UserError } from '../../util/vk-error.ts'

const defaultIntervalMs = 10_000

export interface WatchedFilesOptions<T> {
  /** For messages, such as `client CA bundle`. */
  readonly name: string
  readonly paths: readonly string[]
  /** Makes a value of the files' contents, in the order of the paths; throws when they are no good. */
  readonly parse: (contents: readonly string[]) => T
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs?: number
}

/** The parsed content of some files, kept up to date. */
export class WatchedFiles<T> implements Disposable {
  readonly #options: WatchedFilesOptions<T>
  readonly #listeners = new Set<() => void>()
  #contents: readonly string[]
  #value: T
  #timer: Disposable | undefined
  #isDisposed = false

  /** Rejects with a UserError when the files cannot be read or are no good. */
  static async open<T>(options: WatchedFilesOptions<T>): Promise<WatchedFiles<T>> {
    const { name, paths, parse } = options
    try {
      const contents = await readAll(paths)
      return new WatchedFiles(options, { contents, value: parse(contents) })
    } catch (cause) {
      const files = paths.map((path) => `"${path}"`).join(' and ')
      throw new UserError(`Cannot use ${name} ${files}: ${messageOf(cause)}`, { cause })
    }
  }

  private constructor(
    options: WatchedFilesOptions<T>,
    first: { readonly contents: readonly string[]; readonly value: T },
  ) {
    this.#options = options
    this.#contents = first.contents
    this.#value = first.value
    this.#schedule()
  }

  get value(): T {
    return this.#value
  }

  onChange(changed: () => void): Disposable {
    this.#listeners.add(changed)
    return { [Symbol.dispose]: () => void this.#listeners.delete(changed) }
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true
    this.#timer?.[Symbol.dispose]()
  }

  #schedule(): void {
    const { clock, intervalMs = defaultIntervalMs } = this.#options
    this.#timer = clock.setTimer(intervalMs, () => {
      void this.#look().finally(() => {
        if (!this.#isDisposed) this.#schedule()
      })
    })
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { log, name, parse, paths } = this.#options
    try {
      const contents = await readAll(paths)
      if (this.#isDisposed || contents.every((content, i) => content === this.#contents[i])) return
      // Remembered before it is parsed, so that content that is no good is reported once.
      this.#contents = contents
      this.#value = parse(contents)
      for (const changed of this.#listeners) changed()
      log.info({ paths }, `Reloaded ${name}`)
    } catch (error) {
      log.warn({ paths, error: messageOf(error) }, `Cannot reload ${name}; the last one stays`)
    }
  }
}

async function readAll(paths: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(paths.map((path) => readFile(path, 'utf8')))
}
