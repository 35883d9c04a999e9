// SPDX-License-Identifier: Apache-2.0
//
// Medians of what was measured about streams, as a table: the rate, and how much CPU time of the server and
// of the client each unit took. On a shared machine rates move with the neighbours, CPU time does not.

export type Row = 'execOut' | 'execIn' | 'execs' | 'portForward' | 'logs' | 'idle'

/** One run of a row: so many bytes or round trips; of `idle`, KiB for each connection. */
export interface Measured {
  readonly amount: number
  readonly seconds: number
  readonly serverCpuMs: number
  readonly clientCpuMs: number
}

/** `unit` of the amount is what the table counts in. */
const layout: Readonly<Record<Row, { readonly title: string; readonly unit: number }>> = {
  execOut: { title: 'exec, output, MB/s', unit: 1e6 },
  execIn: { title: 'exec, input, MB/s', unit: 1e6 },
  execs: { title: 'exec, round trips/s', unit: 1 },
  portForward: { title: 'port-forward, there and back, MB/s', unit: 1e6 },
  logs: { title: 'logs, MB/s', unit: 1e6 },
  idle: { title: 'memory of an idle exec, KiB', unit: 1 },
}

/** Prints it as Markdown, one column per contender. */
export function printTable(
  results: ReadonlyMap<string, ReadonlyMap<Row, readonly Measured[]>>,
  rows: readonly Row[],
): void {
  console.log(`| rate; CPU ms of server + client for each | ${[...results.keys()].join(' | ')} |`)
  console.log(`|---|${'---:|'.repeat(results.size)}`)
  for (const row of rows) {
    const { title, unit } = layout[row]
    const cells = [...results.values()].map((byRow) => cellOf(row, unit, byRow.get(row) ?? []))
    console.log(`| ${title} | ${cells.join(' | ')} |`)
  }
}

function cellOf(row: Row, unit: number, runs: readonly Measured[]): string {
  const rate = median(runs.map(({ amount, seconds }) => amount / unit / seconds)).toFixed(0)
  if (row === 'idle') return rate
  const server = median(runs.map(({ amount, serverCpuMs }) => (serverCpuMs * unit) / amount))
  const client = median(runs.map(({ amount, clientCpuMs }) => (clientCpuMs * unit) / amount))
  return `${rate}; ${server.toFixed(2)} + ${client.toFixed(2)}`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
