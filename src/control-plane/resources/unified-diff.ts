// SPDX-License-Identifier: Apache-2.0
// Shows two values side by side as the lines of their JSON, in the unified form of `diff -u`.

import { isRecord } from './read-json.ts'

const contextLines = 3
// Longer texts are not compared line by line, which takes time as the square of their length.
const maxLines = 2000

interface Line {
  readonly sign: ' ' | '+' | '-'
  readonly text: string
}

/** Empty when both read the same. */
export function unifiedDiff(before: unknown, after: unknown): string {
  const old = linesOf(before)
  const next = linesOf(after)
  const lines = compare(old, next)
  return hunksOf(lines)
    .map(({ start, end }) => showHunk(lines, start, end))
    .join('')
}

function linesOf(value: unknown): readonly string[] {
  return (JSON.stringify(inOrder(value), null, 1) ?? 'null').split('\n')
}

/** Fields by name: an object that was changed may have them in another order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (!isRecord(value)) return value
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(fields.map(([name, field]) => [name, inOrder(field)]))
}

/** The lines of both, in an order in which as many as possible are common. */
function compare(old: readonly string[], next: readonly string[]): readonly Line[] {
  let start = 0
  while (start < old.length && start < next.length && old[start] === next[start]) start++
  let end = 0
  const room = Math.min(old.length, next.length) - start
  while (end < room && old.at(-1 - end) === next.at(-1 - end)) end++
  const common = (text: string): Line => ({ sign: ' ', text })
  return [
    ...old.slice(0, start).map(common),
    ...compareMiddle(old.slice(start, old.length - end), next.slice(start, next.length - end)),
    ...old.slice(old.length - end).map(common),
  ]
}

function compareMiddle(old: readonly string[], next: readonly string[]): readonly Line[] {
  const lengths = old.length * next.length > maxLines ** 2 ? [] : commonLengths(old, next)
  const lines: Line[] = []
  let [at, to] = [0, 0]
  while (at < old.length || to < next.length) {
    if (at < old.length && to < next.length && old[at] === next[to]) {
      lines.push({ sign: ' ', text: old[at++] as string })
      to++
    } else if (
      to >= next.length ||
      (at < old.length && (lengths[at + 1]?.[to] ?? 0) >= (lengths[at]?.[to + 1] ?? 0))
    ) {
      lines.push({ sign: '-', text: old[at++] as string })
    } else lines.push({ sign: '+', text: next[to++] as string })
  }
  return lines
}

/** How many lines the rests from each pair of positions have in common. */
function commonLengths(old: readonly string[], next: readonly string[]): readonly number[][] {
  const lengths = Array.from({ length: old.length + 1 }, () =>
    Array.from({ length: next.length + 1 }, () => 0),
  )
  for (let at = old.length - 1; at >= 0; at--) {
    const row = lengths[at] as number[]
    const below = lengths[at + 1] as number[]
    for (let to = next.length - 1; to >= 0; to--) {
      const isCommon = old[at] === next[to]
      row[to] = isCommon
        ? (below[to + 1] as number) + 1
        : Math.max(below[to] as number, row[to + 1] as number)
    }
  }
  return lengths
}

interface Hunk {
  readonly start: number
  readonly end: number
}

/** Changes with the lines around them; those whose surroundings meet become one. */
function hunksOf(lines: readonly Line[]): readonly Hunk[] {
  const hunks: Hunk[] = []
  for (const [index, { sign }] of lines.entries()) {
    if (sign === ' ') continue
    const start = Math.max(index - contextLines, 0)
    const end = Math.min(index + contextLines + 1, lines.length)
    const last = hunks.at(-1)
    if (last && last.end >= start) hunks[hunks.length - 1] = { start: last.start, end }
    else hunks.push({ start, end })
  }
  return hunks
}

function showHunk(lines: readonly Line[], start: number, end: number): string {
  const before = lines.slice(0, start)
  const within = lines.slice(start, end)
  const count = (part: readonly Line[], skipped: '+' | '-'): number =>
    part.filter(({ sign }) => sign !== skipped).length
  const range = (skipped: '+' | '-'): string => {
    const length = count(within, skipped)
    const first = count(before, skipped) + (length === 0 ? 0 : 1)
    return length === 1 ? `${first}` : `${first},${length}`
  }
  const head = `@@ -${range('+')} +${range('-')} @@\n`
  return head + within.map(({ sign, text }) => `${sign}${text}\n`).join('')
}
