// SPDX-License-Identifier: Apache-2.0
//
// How fast exec, port-forward and logs carry bytes: our kubelet API beside the Go project's server library,
// each with handlers that only copy bytes in memory, measured by client-go; and ours with the process
// provider, where each exec is a process. All serve at once and take turns. Needs Go once, and no cluster.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildStreamsBench } from './build.ts'
import { printTable } from './report-streams.ts'
import type { Measured, Row } from './report-streams.ts'
import { StreamPair } from './stream-pair.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    mb: { type: 'string', default: '512' },
    execs: { type: 'string', default: '1000' },
    idle: { type: 'string', default: '400' },
    /** Columns, and rows, to measure. */
    only: { type: 'string', multiple: true },
    rows: { type: 'string', default: 'execOut,execIn,execs,portForward,logs,idle' },
    /** A folder for CPU profiles of our servers; best with one column and one row. */
    profile: { type: 'string' },
  },
})

const program = buildStreamsBench()
const profiling = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : []
const ours = [process.execPath, ...profiling, join(import.meta.dirname, 'serve.ts')]
const columns = [
  { name: 'Go library', server: [program, 'serve'], executor: 'spdy' },
  { name: 'ours', server: ours, executor: 'spdy' },
  { name: 'ours, WebSocket', server: ours, executor: 'websocket' },
  { name: 'ours, processes', server: [...ours, 'processes'], executor: 'spdy' },
].filter(({ name }) => values.only?.includes(name) ?? true)
const rows = values.rows.split(',') as Row[]

const results = new Map(columns.map(({ name }) => [name, new Map<Row, Measured[]>()]))
const rounds = Number(values.rounds)
await takeTurns(
  rows.filter((row) => row !== 'idle'),
  { rounds, hasWarmUp: true },
)
// Memory is measured at servers that have done nothing before.
if (rows.includes('idle')) {
  for (let round = 0; round < rounds; round += 1) {
    await takeTurns(['idle'], { rounds: 1, hasWarmUp: false })
  }
}
printTable(results, rows)

/** All servers run until the last round, as a node's does; with a warm-up, each row once before it counts. */
async function takeTurns(
  turns: readonly Row[],
  { rounds, hasWarmUp }: { readonly rounds: number; readonly hasWarmUp: boolean },
): Promise<void> {
  await using running = new AsyncDisposableStack()
  const pairs: (readonly [string, StreamPair])[] = []
  for (const { executor, name, server } of columns) {
    const client = [program, 'measure', ...flagsFor(executor)]
    const pair = await StreamPair.start({ server, client, idleCount: Number(values.idle) })
    pairs.push([name, running.use(pair)])
  }
  for (let round = hasWarmUp ? -1 : 0; round < rounds; round += 1) {
    for (const row of turns) {
      for (const [name, pair] of pairs) {
        const measured = await pair.measure(row)
        if (round >= 0) note(name, row, measured)
      }
    }
  }
}

function note(name: string, row: Row, measured: Measured): void {
  const byRow = results.get(name)
  byRow?.set(row, [...(byRow.get(row) ?? []), measured])
}

function flagsFor(executor: string): readonly string[] {
  const { execs, idle, mb } = values
  return Object.entries({ executor, execs, idle, mb }).map(([flag, value]) => `-${flag}=${value}`)
}
