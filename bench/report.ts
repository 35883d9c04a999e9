// SPDX-License-Identifier: Apache-2.0
//
// The table at the end: each contender's median over its rounds, and its ratio to the first.
import type { Measurement } from './measure.ts'

type Row = readonly [
  label: string,
  value: (of: Measurement) => number,
  digits: number,
  /** What is made of several rounds; default is the median. */
  summary?: (...values: readonly number[]) => number,
]

const ROWS: readonly Row[] = [
  ['pods/s up', (m) => m.podsPerSecondUp, 0],
  ['pods/s up, best round', (m) => m.podsPerSecondUp, 0, Math.max],
  ['pods/s down', (m) => m.podsPerSecondDown, 0],
  ['pods/s down, best round', (m) => m.podsPerSecondDown, 0, Math.max],
  ['CPU ms/pod up', (m) => m.cpuMsPerPodUp, 2],
  ['CPU ms/pod down', (m) => m.cpuMsPerPodDown, 2],
  ['API server CPU ms/pod up', (m) => m.serverCpuMsPerPodUp, 2],
  ['API server CPU ms/pod down', (m) => m.serverCpuMsPerPodDown, 2],
  ['bound to Running, p50 ms', (m) => m.latency?.p50 ?? Number.NaN, 1],
  ['bound to Running, p99 ms', (m) => m.latency?.p99 ?? Number.NaN, 1],
  ['RSS MiB, all pods up', (m) => m.residentMib, 0],
]

/** Prints the table to standard output. */
export function printReport(measurements: readonly Measurement[]): void {
  const byContender = Map.groupBy(measurements, ({ contender }) => contender)
  const names = [...byContender.keys()]
  const reference = names[0] ?? ''
  const figureOf = (name: string, [, value, , summary]: Row) => {
    const values = (byContender.get(name) ?? []).map((measurement) => value(measurement))
    return summary === undefined ? medianOf(values) : summary(...values)
  }
  const lines = ROWS.map((row) => [
    row[0],
    ...names.map((name) => {
      const figure = figureOf(name, row)
      const digits = row[2]
      const ratio = (figure / figureOf(reference, row)).toFixed(2)
      return `${figure.toFixed(digits)}${name === reference ? '' : ` (${ratio})`}`
    }),
  ])
  printColumns([['', ...names], ...lines])
  for (const name of names) {
    const last = byContender.get(name)?.at(-1)
    if (last === undefined) continue
    console.log(`${name}: writes per pod up ${text(last.writesUp)}; down ${text(last.writesDown)}`)
  }
}

/** The middle one; of an even number the lower one. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

function text(writes: ReadonlyMap<string, number>): string {
  const parts = [...writes].map(([kind, share]) => `${kind} ${share.toFixed(2)}`)
  return parts.join(', ') || 'none'
}

function printColumns(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => width(row, column))))
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}

function width(row: readonly string[], column: number): number {
  return row[column]?.length ?? 0
}
