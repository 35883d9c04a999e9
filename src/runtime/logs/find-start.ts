// SPDX-License-Identifier: Apache-2.0
// Where to begin reading a log for `--tail` and `--since`, without reading what lies before.
import type { LogQuery } from '../../provider/log-feed.ts'
import type { Streams } from './log-cursor.ts'
import type { LogIndex } from './log-index.ts'
import { spanBytes, type LogMark } from './log-mark.ts'
import { countEntries } from './split-entries.ts'

// How much is looked at in one go when counting from the end.
const scanMarks = 256
const scanBytes = 512 * 1024

export interface StartInput {
  readonly query: LogQuery
  readonly streams: Streams
  /** Marks from this number on are live: they do not count. */
  readonly end: number
}

/** Number of the first mark that the query may need; what lies before it is not wanted. */
export async function findStart(index: LogIndex, input: StartInput): Promise<number> {
  const { query, end } = input
  const { sinceMs, tailLines } = query
  const since = sinceMs === undefined ? index.base : await findTime(index, { sinceMs, end })
  if (tailLines === undefined) return since
  return Math.max(since, await findTail(index, { ...input, tailLines }))
}

/** By bisection: times never go back within a log. */
async function findTime(
  index: LogIndex,
  { sinceMs, end }: { readonly sinceMs: number; readonly end: number },
): Promise<number> {
  let low = index.base
  let high = end
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { marks } = await index.read(middle, 1)
    if ((marks[0]?.timeMs ?? 0) < sinceMs) low = middle + 1
    else high = middle
  }
  return low
}

async function findTail(
  index: LogIndex,
  { streams, end, tailLines }: StartInput & { readonly tailLines: number },
): Promise<number> {
  let missing = tailLines
  let at = end
  while (missing > 0 && at > index.base) {
    const from = Math.max(index.base, at - scanMarks)
    const before = await index.before(from)
    const { marks } = await index.read(from, at - from)
    // Unreadable marks make the numbers uncertain: the whole stretch is then read.
    const isWhole = marks.length === at - from
    for (let to = marks.length; to > 0 && missing > 0;) {
      const group = groupBefore(to, [before, ...marks])
      const counts = await countByMark(streams, [before, ...marks].slice(group, to + 1))
      for (let i = counts.length - 1; i >= 0; i -= 1) {
        missing -= counts[i] ?? 0
        if (missing <= 0) return isWhole ? from + group + i : from
      }
      to = group
    }
    at = from
  }
  return at
}

/** Index of the mark from which on up to `to` not too much has arrived. */
function groupBefore(to: number, marks: readonly LogMark[]): number {
  const last = marks[to]
  if (!last) return 0
  const from = marks.findIndex((mark) => spanBytes(mark, last) <= scanBytes)
  return Math.min(from, to - 1)
}

/** Entries that came with each mark after the first. */
async function countByMark(streams: Streams, marks: readonly LogMark[]): Promise<number[]> {
  const counts: number[] = []
  const last = marks.at(-1)
  for (const [i, mark] of marks.entries()) {
    const before = marks[i - 1]
    if (!before) continue
    let count = 0
    for (const stream of ['stdout', 'stderr'] as const) {
      const key = `${stream}End` as const
      if (mark[key] <= before[key]) continue
      count += countEntries(await streams[stream].read(before[key], mark[key], last?.[key]))
    }
    counts.push(count)
  }
  return counts
}
