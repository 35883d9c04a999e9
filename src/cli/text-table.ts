// SPDX-License-Identifier: Apache-2.0
// Tables and durations as commands print them: columns three spaces apart, as kubectl's.

/** Lines of a table; the first row is its head. Nothing trails the last column. */
export function textTable(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length)
    }
  }
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('   ')
      .trimEnd(),
  )
}

/** `850ms`, `3.2s`, `45s`, `2m10s`, `3h05m`; a dash for what is not known. */
export function durationText(ms: number | undefined): string {
  if (ms === undefined) return '-'
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  const padded = (count: number): string => String(count).padStart(2, '0')
  if (minutes < 60) return `${minutes}m${padded(seconds % 60)}s`
  return `${Math.floor(minutes / 60)}h${padded(minutes % 60)}m`
}

/** A duration between two of the API's times, which are whole seconds. */
export function wholeSecondsText(ms: number | undefined): string {
  if (ms === undefined) return '-'
  return ms < 1000
    ? '<1s'
    : durationText(Math.max(10_000, ms)).replace(/^10s$/, `${Math.floor(ms / 1000)}s`)
}
