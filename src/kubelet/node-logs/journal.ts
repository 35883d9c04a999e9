// SPDX-License-Identifier: Apache-2.0
// Logs of services out of systemd's journal, by its own program. Nothing that a caller sent becomes
// anything but the value of a flag.
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { NodeLogQuery } from './log-query.ts'

const maxSeconds = 30

/** The flags of `journalctl` for a query. */
export function journalArgs(query: NodeLogQuery): readonly string[] {
  const { boot = 0, pattern, services, sinceTime, tailLines, untilTime } = query
  return [
    '--utc',
    '--no-pager',
    '--output=short-precise',
    ...(sinceTime ? [`--since=${journalTime(sinceTime)}`] : []),
    ...(untilTime ? [`--until=${journalTime(untilTime)}`] : []),
    ...(tailLines === undefined ? [] : [`--lines=${tailLines}`]),
    ...services.map((name) => `--unit=${name}`),
    ...(pattern === undefined ? [] : [`--grep=${pattern}`, '--case-sensitive=false']),
    `--boot=${boot}`,
  ]
}

/** The journal's lines, ended after half a minute or with the signal; undefined where there is none. */
export async function readJournal(
  query: NodeLogQuery,
  signal: AbortSignal,
): Promise<Readable | undefined> {
  const child = spawn('journalctl', journalArgs(query), {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(maxSeconds * 1000)]),
    killSignal: 'SIGKILL',
  })
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true))
    // No such program; or, later, its end by the signal, which its output tells as well.
    child.on('error', () => resolve(false))
  })
  return started ? child.stdout : undefined
}

/** UTC, in the form that journalctl reads. */
function journalTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
