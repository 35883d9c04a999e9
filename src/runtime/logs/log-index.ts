// SPDX-License-Identifier: Apache-2.0
// The index of one container run's log: marks in order of arrival, in the file log.idx and, for the
// last moments, in memory. Marks are counted for good from the first ever made; rotation drops the oldest
// and the file then begins at `base`. Layout: 8 bytes magic, 8 bytes base, the mark before base, then
// the marks. Losing the newest marks to kill -9 costs only times: the output files are caught up again.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs'
import { appendFile, open, rename, writeFile } from 'node:fs/promises'
import { firstMark, markBytes, readMark, writeMark, type LogMark } from './log-mark.ts'

const magic = 'VKLOGIX1'
const beforeBaseAt = 16
const marksAt = beforeBaseAt + markBytes
const maxPending = 40_000

/** Marks from number `first` to before `next`; fewer where some are unreadable. */
export interface MarkRange {
  readonly first: number
  readonly next: number
  readonly marks: readonly LogMark[]
}

/** Marks of one log. */
export class LogIndex {
  readonly #path: string
  #base = 0
  #beforeBase: LogMark = firstMark
  /** Marks base … base+flushed-1 lie in the file, the rest in #pending. */
  #flushed = 0
  readonly #pending: LogMark[] = []
  /** Marks that `dropBefore` took away and that the file still begins with. */
  #dropped = 0
  #last: LogMark = firstMark
  #fileWork: Promise<unknown> = Promise.resolve()

  /** Reads the end of the file, synchronously: it is a matter of microseconds. */
  constructor(path: string) {
    this.#path = path
    this.#load()
  }

  /** Number of the oldest mark that is left. */
  get base(): number {
    return this.#base
  }

  /** Number of the next mark. */
  get count(): number {
    return this.#base + this.#flushed + this.#pending.length
  }

  get last(): LogMark {
    return this.#last
  }

  /** The mark before the oldest that is left: where the log begins now. */
  get beforeBase(): LogMark {
    return this.#beforeBase
  }

  /** Marks that `flush` would write. */
  get pendingCount(): number {
    return this.#pending.length
  }

  /**
   * Adds a mark, to be written by the next `flush`. False when too many wait for a disk that does not
   * take them: the output stays unmarked until it does.
   */
  add(mark: LogMark): boolean {
    if (this.#pending.length >= maxPending) return false
    this.#pending.push(mark)
    this.#last = mark
    return true
  }

  /** Up to `limit` marks from number `from`, or from the oldest left; unreadable ones are left out. */
  async read(from: number, limit: number): Promise<MarkRange> {
    const inFile = this.#base + this.#flushed
    if (from >= inFile) return this.#readPending(from, limit)
    return await this.#exclusively(async () => {
      const first = Math.max(from, this.#base)
      const end = Math.min(first + limit, this.#base + this.#flushed)
      if (first >= end) return this.#readPending(first, limit)
      return { first, next: end, marks: decode(await this.#readBytes(first, end)) }
    })
  }

  /** The mark before number `at`: where what came with `at` begins. */
  async before(at: number): Promise<LogMark> {
    if (at <= this.#base) return this.#beforeBase
    const { marks } = await this.read(at - 1, 1)
    return marks[0] ?? this.#beforeBase
  }

  /** Writes what is pending. Rejects when the disk does not take it; it stays pending then. */
  async flush(): Promise<void> {
    await this.#exclusively(async () => {
      const count = this.#pending.length
      if (count === 0) return
      const isNew = this.#flushed === 0 && this.#base === 0
      const bytes = encode(this.#pending.slice(0, count))
      const content = isNew ? Buffer.concat([this.#header(), bytes]) : bytes
      if (isNew) await writeFile(this.#path, content, { mode: 0o600 })
      else await appendFile(this.#path, content)
      this.#flushed += count
      this.#pending.splice(0, count)
    })
  }

  /** The log begins at mark `base` from now on, in memory; `compact` makes it so on the disk. */
  async dropBefore(base: number): Promise<void> {
    await this.#exclusively(async () => {
      if (base <= this.#base || base > this.#base + this.#flushed) return
      const [before] = decode(await this.#readBytes(base - 1, base))
      if (!before) return
      this.#dropped += base - this.#base
      this.#flushed -= base - this.#base
      this.#base = base
      this.#beforeBase = before
    })
  }

  /** Rewrites the file without the marks that were dropped. */
  async compact(): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#dropped === 0) return
      const kept = await this.#readBytes(this.#base, this.#base + this.#flushed)
      const temporary = `${this.#path}.tmp`
      await writeFile(temporary, Buffer.concat([this.#header(), kept]), { mode: 0o600 })
      await rename(temporary, this.#path)
      this.#dropped = 0
    })
  }

  #readPending(from: number, limit: number): MarkRange {
    const inFile = this.#base + this.#flushed
    const first = Math.min(Math.max(from, this.#base), this.count)
    const marks = this.#pending.slice(first - inFile, first - inFile + limit)
    return { first, next: first + marks.length, marks }
  }

  async #readBytes(from: number, to: number): Promise<Buffer> {
    const at = marksAt + (from - this.#base + this.#dropped) * markBytes
    const bytes = Buffer.allocUnsafe((to - from) * markBytes)
    await using file = await open(this.#path, 'r')
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at)
    return bytes.subarray(0, bytesRead)
  }

  #header(): Buffer {
    const header = Buffer.alloc(marksAt)
    header.write(magic, 0, 'latin1')
    header.writeDoubleLE(this.#base, 8)
    writeMark(header, beforeBaseAt, this.#beforeBase)
    return header
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#fileWork.then(work)
    // The caller sees a failure; the next in line does not care.
    this.#fileWork = done.catch(() => {})
    return await done
  }

  #load(): void {
    const file = openIfThere(this.#path)
    if (file === undefined) return
    try {
      const isReadable = this.#loadFrom(file)
      // It was torn in its first moments: the output files are indexed anew.
      if (!isReadable) rmSync(this.#path, { force: true })
    } finally {
      closeSync(file)
    }
  }

  #loadFrom(file: number): boolean {
    const header = Buffer.alloc(marksAt)
    if (readSync(file, header, 0, marksAt, 0) < marksAt) return false
    const beforeBase = readMark(header, beforeBaseAt)
    if (header.toString('latin1', 0, 8) !== magic || !beforeBase) return false
    this.#base = header.readDoubleLE(8)
    this.#beforeBase = beforeBase
    this.#last = beforeBase
    const count = Math.floor((fstatSync(file).size - marksAt) / markBytes)
    const mark = Buffer.alloc(markBytes)
    for (this.#flushed = count; this.#flushed > 0; this.#flushed -= 1) {
      readSync(file, mark, 0, markBytes, marksAt + (this.#flushed - 1) * markBytes)
      const last = readMark(mark, 0)
      if (!last) continue
      this.#last = last
      break
    }
    // Appending goes on behind the last good mark.
    ftruncateSync(file, marksAt + this.#flushed * markBytes)
    return true
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function encode(marks: readonly LogMark[]): Buffer {
  const bytes = Buffer.allocUnsafe(marks.length * markBytes)
  for (const [index, mark] of marks.entries()) writeMark(bytes, index * markBytes, mark)
  return bytes
}

function decode(bytes: Buffer): LogMark[] {
  const marks: LogMark[] = []
  for (let at = 0; at + markBytes <= bytes.length; at += markBytes) {
    const mark = readMark(bytes, at)
    if (mark) marks.push(mark)
  }
  return marks
}
