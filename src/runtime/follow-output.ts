// SPDX-License-Identifier: Apache-2.0
// What is appended to an output file from now on, byte by byte as it comes: attach shows a prompt that no
// line break ends, which the log does not have yet.
import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Clock } from '../util/clock.ts'

export interface FollowOptions {
  readonly clock: Clock
  /** Aborts when nothing more will be appended: what is there is still handed out. */
  readonly ended: AbortSignal
  /** Aborts when nobody wants it any more. */
  readonly signal: AbortSignal
}

const pieceBytes = 64 * 1024
/** Where the kernel tells of no changes, they are looked for. */
const lookEveryMs = 250

/** Begins at the end that the file has when this resolves. */
export async function followOutput(path: string, options: FollowOptions): Promise<Readable> {
  const file = await open(path, 'r')
  const { size } = await file.stat()
  const stream = Readable.from(pieces(path, { file, position: size, ...options }), {
    objectMode: false,
    highWaterMark: pieceBytes,
  })
  // Whoever reads sees the end; nobody has to listen for the reason.
  stream.on('error', () => {})
  // Not by the reading itself, which never begins where a client leaves at once.
  stream.once('close', () => void file.close().catch(() => {}))
  return stream
}

interface OpenOutput extends FollowOptions {
  readonly file: FileHandle
  readonly position: number
}

async function* pieces(
  path: string,
  { file, position, clock, ended, signal }: OpenOutput,
): AsyncGenerator<Buffer, void, void> {
  const changes = new ChangeWatch(path)
  using _changes = changes
  let at = position
  while (!signal.aborted) {
    const isLast = ended.aborted
    const changed = changes.next()
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, at)
    at += bytesRead
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead)
    else if (isLast) return
    else await pause(changed, { clock, signals: [ended, signal] })
  }
}

/** Until the file changes, a signal aborts or it is time to look. */
async function pause(
  changed: Promise<void>,
  { clock, signals }: { readonly clock: Clock; readonly signals: readonly AbortSignal[] },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const wake = (): void => resolve()
  using _timer = clock.setTimer(lookEveryMs, wake)
  for (const signal of signals) {
    if (signal.aborted) return
    signal.addEventListener('abort', wake, { once: true })
  }
  await Promise.race([changed, promise])
  for (const signal of signals) signal.removeEventListener('abort', wake)
}

/** Tells of changes of a file, where the kernel does. */
class ChangeWatch implements Disposable {
  #watcher: FSWatcher | undefined
  #changed = Promise.withResolvers<void>()

  constructor(path: string) {
    try {
      this.#watcher = watch(path, { persistent: false }, () => this.#changed.resolve())
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      // No watches left: the file is looked at now and then.
      this.#watcher = undefined
    }
  }

  /** Resolves with the first change from now on. */
  next(): Promise<void> {
    this.#changed = Promise.withResolvers<void>()
    return this.#changed.promise
  }

  [Symbol.dispose](): void {
    this.#watcher?.close()
  }
}
