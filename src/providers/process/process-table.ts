// SPDX-License-Identifier: Apache-2.0
// The host's processes at one moment, for sums over a container's session where no control group does
// them, and to see who is left of a process group.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { parseStat, readProc } from './process-identity.ts'

/** One process as the table has it. */
export interface TableEntry {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly isZombie: boolean
  readonly cpuNanoseconds: number
  readonly residentBytes: number
}

// Linux reports times to user space in hundredths of a second on every machine; pages are 4 KiB but for
// some arm64 and ppc64 kernels, where rss is then under-reported.
const nanosecondsPerTick = 10_000_000
const pageBytes = 4096

/** About a millisecond. */
const perTurn = 100

/** By leader, the processes of its session or group, and all that descend from it. */
export function families(table: readonly TableEntry[]): (leader: number) => readonly TableEntry[] {
  const [bySession, byGroup, byParent] = (['session', 'group', 'parent'] as const).map((field) =>
    Map.groupBy(table, (entry) => entry[field]),
  )
  const byPid = new Map(table.map((entry) => [entry.pid, entry]))
  return (leader) => {
    const line = new Set([leader])
    // Grows while it is walked.
    for (const pid of line) for (const child of byParent?.get(pid) ?? []) line.add(child.pid)
    const descent = [...line].flatMap((pid) => byPid.get(pid) ?? [])
    const rest = [...(bySession?.get(leader) ?? []), ...(byGroup?.get(leader) ?? [])]
    return [...new Set([...descent, ...rest])]
  }
}

let reading: Promise<readonly TableEntry[]> | undefined
let following: Promise<readonly TableEntry[]> | undefined

/**
 * Every process that we may see, as of after the call. Who asks while the table is read gets the next one
 * together with all others who ask meanwhile.
 */
export async function readProcessTable(): Promise<readonly TableEntry[]> {
  if (reading) {
    following ??= reading.catch(() => {}).then(beginReading)
    return await following
  }
  return await beginReading()
}

function beginReading(): Promise<readonly TableEntry[]> {
  following = undefined
  const own = (process.platform === 'linux' ? readByProc() : readByPs()).finally(() => {
    if (reading === own) reading = undefined
  })
  reading = own
  return own
}

/** Each is read at once, for that is quick; but thousands in one turn would hold up all else. */
async function readByProc(): Promise<readonly TableEntry[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const table: TableEntry[] = []
  for (const [index, pid] of pids.entries()) {
    if (index % perTurn === perTurn - 1) await turn()
    const entry = readEntry(pid)
    if (entry) table.push(entry)
  }
  return table
}

function readEntry(pid: string): TableEntry | undefined {
  const stat = parseStat(readProc(`${pid}/stat`))
  return (
    stat && {
      pid: Number(pid),
      parent: stat.parent,
      group: stat.group,
      session: stat.session,
      isZombie: stat.isZombie,
      cpuNanoseconds: stat.cpuTicks * nanosecondsPerTick,
      residentBytes: stat.residentPages * pageBytes,
    }
  )
}

async function readByPs(): Promise<readonly TableEntry[]> {
  const columns = 'pid=,ppid=,pgid=,stat=,time=,rss='
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', columns], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout.split('\n').flatMap((line): TableEntry[] => {
    const [pid, parent, group, state, time, rss] = line.trim().split(/\s+/)
    if (time === undefined) return []
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        session: Number(group),
        isZombie: state?.startsWith('Z') === true,
        cpuNanoseconds: parseTime(time) * 1e9,
        residentBytes: Number(rss) * 1024,
      },
    ]
  })
}

/** Seconds of `[days-][hours:]minutes:seconds[.fraction]`. */
function parseTime(text: string): number {
  const [clock = '', days = '0'] = text.split('-').reverse()
  return clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400
}
