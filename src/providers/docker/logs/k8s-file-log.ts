// SPDX-License-Identifier: Apache-2.0
// The log of one run from the file in which Podman keeps it, where that is on this machine: its API gives times
// by the second, the file to the nanosecond. A line of the file is an entry:
//   2026-01-01T00:00:00.123456789Z stdout F text      F: a whole line, P: a part of one
import { constants } from 'node:fs'
import { access, open, type FileHandle } from 'node:fs/promises'
import type { CallContext } from '../../../provider/provider.ts'
import type { LogBatch, LogEntry, LogQuery } from '../../../provider/log-feed.ts'
import type { Clock } from '../../../util/clock.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { timeOfStamp } from './stamped-lines.ts'

export interface LogFile {
  readonly path: string
  readonly clock: Clock
  /** Looks whether the run has ended. */
  hasEnded(signal: AbortSignal): Promise<boolean>
}

const pieceBytes = 256 * 1024
const lookEveryMs = 100
const newline = 0x0a

/** May the file be read here? */
export async function canReadLog(path: string): Promise<boolean> {
  return await access(path, constants.R_OK).then(
    () => true,
    () => false,
  )
}

/** The log as a feed; see ContainerRuntime.logs. */
export async function* readLogFile(
  file: LogFile,
  query: LogQuery,
  { signal, log }: CallContext,
): AsyncGenerator<LogBatch, void, void> {
  const { path, clock } = file
  const reader = new FileReader(path)
  await using _reader = reader
  for await (const entries of reader.rest()) {
    yield { entries: since(entries, query.sinceMs), isLive: false }
  }
  if (!query.follow || signal.aborted) return
  yield { entries: [], isLive: true }
  while (!signal.aborted) {
    const isOver = await file.hasEnded(signal).catch((error: unknown) => {
      // The engine is away; its files are not.
      log.debug({ error: messageOf(error) }, 'Cannot tell whether a container has ended')
      return false
    })
    for await (const entries of reader.rest()) yield { entries, isLive: true }
    if (isOver) return
    await clock.sleep(lookEveryMs, { signal }).catch(() => {
      // Only the abort ends a sleep early; the loop's condition sees it.
    })
  }
}

/** Reads forward; when Podman has begun the file anew, what is left of the old one first. */
class FileReader implements AsyncDisposable {
  readonly #path: string
  #file: FileHandle | undefined
  #inode = 0
  #offset = 0

  constructor(path: string) {
    this.#path = path
  }

  /** What has come since the last call; an unfinished line waits for the next. */
  async *rest(): AsyncGenerator<readonly LogEntry[], void, void> {
    if (this.#file) yield* this.#restOf(this.#file)
    const newest = await open(this.#path, 'r')
    const { ino, size } = await newest.stat()
    if (this.#file && this.#inode === ino && size >= this.#offset) {
      await newest.close()
      return
    }
    await this.#file?.close()
    this.#file = newest
    this.#inode = ino
    this.#offset = 0
    yield* this.#restOf(newest)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close()
  }

  async *#restOf(file: FileHandle): AsyncGenerator<readonly LogEntry[], void, void> {
    for (;;) {
      const piece = Buffer.allocUnsafe(pieceBytes)
      const { bytesRead } = await file.read(piece, 0, pieceBytes, this.#offset)
      const end = piece.subarray(0, bytesRead).lastIndexOf(newline) + 1
      if (end === 0) return
      this.#offset += end
      yield entriesOf(piece.subarray(0, end))
    }
  }
}

function entriesOf(bytes: Buffer): readonly LogEntry[] {
  const entries: LogEntry[] = []
  for (let at = 0, end; (end = bytes.indexOf(newline, at)) !== -1; at = end + 1) {
    const entry = entryOf(bytes.subarray(at, end + 1))
    if (entry) entries.push(entry)
  }
  return entries
}

/** Undefined for a line of another form. */
function entryOf(line: Buffer): LogEntry | undefined {
  const [, stamp = '', stream, kind] =
    /^(\S+) (stdout|stderr) ([FP]) /.exec(line.toString('latin1', 0, 60)) ?? []
  const timeMs = timeOfStamp(stamp)
  if (timeMs === undefined || (stream !== 'stdout' && stream !== 'stderr')) return undefined
  const begin = stamp.length + stream.length + 4
  // The break that ends a part is the file's, not the container's.
  return {
    timeMs,
    stream,
    bytes: line.subarray(begin, kind === 'P' ? line.length - 1 : line.length),
  }
}

function since(entries: readonly LogEntry[], sinceMs: number | undefined): readonly LogEntry[] {
  return sinceMs === undefined ? entries : entries.filter(({ timeMs }) => timeMs >= sinceMs)
}
