// SPDX-License-Identifier: Apache-2.0
// Entries of an engine's log, each of which begins with its time: a frame holds one; of a terminal's output,
// which has no frames, a line is one.
import type { LogEntry } from '../../../provider/log-feed.ts'
import { outputFrames } from '../streams/output-frames.ts'

const newline = 0x0a
const blank = 0x20

/** The entries of an answer to `/logs?timestamps=1`, piece by piece. */
export async function* stampedEntries(
  answer: AsyncIterable<Buffer>,
  { isTerminal }: { readonly isTerminal: boolean },
): AsyncGenerator<readonly LogEntry[], void, void> {
  if (isTerminal) yield* terminalEntries(answer)
  else {
    for await (const frames of outputFrames(answer)) {
      yield frames.map(({ stream, bytes }) => entryOf(bytes, stream))
    }
  }
}

async function* terminalEntries(
  answer: AsyncIterable<Buffer>,
): AsyncGenerator<readonly LogEntry[], void, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of answer) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const entries: LogEntry[] = []
    for (let end; (end = rest.indexOf(newline)) !== -1; rest = rest.subarray(end + 1)) {
      entries.push(entryOf(rest.subarray(0, end + 1), 'stdout'))
    }
    if (entries.length > 0) yield entries
  }
  if (rest.length > 0) yield [entryOf(rest, 'stdout')]
}

/** `2026-01-01T00:00:00.123456789Z text`; what has no such time keeps all of its bytes. */
function entryOf(bytes: Buffer, stream: LogEntry['stream']): LogEntry {
  const end = bytes.indexOf(blank)
  const timeMs = end > 0 ? timeOfStamp(bytes.toString('latin1', 0, end)) : undefined
  if (timeMs === undefined) return { timeMs: 0, stream, bytes }
  return { timeMs, stream, bytes: bytes.subarray(end + 1) }
}

/** Milliseconds with their fraction: the microseconds count. */
export function timeOfStamp(text: string): number | undefined {
  const whole = Date.parse(text)
  if (Number.isNaN(whole)) return undefined
  const [, digits = ''] = /\.(\d+)/.exec(text) ?? []
  return whole + Number(`0.${digits.slice(3) || '0'}`)
}
