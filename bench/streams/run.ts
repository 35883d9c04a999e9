// SPDX-License-Identifier: Apache-2.0
//
// How fast exec, attach and port-forward carry bytes: our kubelet API beside the Go project's server
// library, each with handlers that only copy, measured by client-go. Needs Go once, and no cluster.
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { buildStreamsBench } from './build.ts'

type Results = Readonly<Record<string, number>>

const ROUNDS = 3
const IDLE = 100
const ROWS: readonly (readonly [string, string])[] = [
  ['execOut', 'exec, output, MB/s'],
  ['execIn', 'exec, input, MB/s'],
  ['execPerSecond', 'exec round trips per second'],
  ['portForward', 'port-forward, there and back, MB/s'],
  ['logs', 'logs, MB/s'],
  ['idleKiB', `memory of an idle exec, KiB (${IDLE} of them)`],
]

const program = buildStreamsBench()
const ours = [process.execPath, join(import.meta.dirname, 'serve.ts')]
const contenders: readonly (readonly [string, readonly string[], string])[] = [
  ['Go library, SPDY', [program, 'serve'], 'spdy'],
  ['ours, SPDY', ours, 'spdy'],
  ['ours, WebSocket', ours, 'websocket'],
]

const columns = new Map<string, Results>()
for (const [name, command, executor] of contenders) {
  const rounds: Results[] = []
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure(command, executor))
  columns.set(name, medians(rounds))
}
print()

async function measure(command: readonly string[], executor: string): Promise<Results> {
  const server = start(command)
  const port = await firstLine(server)
  const before = residentKiB(server.pid)
  const client = start([
    program,
    'measure',
    `-server=https://127.0.0.1:${port}`,
    `-executor=${executor}`,
  ])
  const lines = createInterface(client.stdout)[Symbol.asyncIterator]()
  const results = JSON.parse(String((await lines.next()).value)) as Results
  const busy = residentKiB(server.pid)
  await lines.next()
  const idleKiB = Math.max(residentKiB(server.pid) - Math.min(busy, before), 0) / IDLE
  client.stdin.end()
  await once(client, 'exit')
  server.kill('SIGKILL')
  await once(server, 'exit')
  return { ...results, idleKiB }
}

function start([file = '', ...args]: readonly string[]): ChildProcessByStdio<
  Writable,
  Readable,
  null
> {
  return spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function firstLine({ stdout }: { readonly stdout: Readable }): Promise<string> {
  const [line] = (await once(createInterface(stdout), 'line')) as [string]
  return line
}

function residentKiB(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

function medians(rounds: readonly Results[]): Results {
  const names = Object.keys(rounds[0] ?? {})
  return Object.fromEntries(
    names.map((name) => {
      const sorted = rounds.map((round) => round[name] ?? 0).toSorted((a, b) => a - b)
      return [name, sorted[Math.floor(sorted.length / 2)] ?? 0]
    }),
  )
}

function print(): void {
  console.log(`| | ${[...columns.keys()].join(' | ')} |`)
  console.log(`|---|${'---:|'.repeat(columns.size)}`)
  for (const [row, title] of ROWS) {
    const cells = [...columns.values()].map((results) => Math.round(results[row] ?? 0))
    console.log(`| ${title} | ${cells.join(' | ')} |`)
  }
}
