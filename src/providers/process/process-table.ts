// SPDX-License-Identifier: Apache-2.0
// The host's processes at one moment, for sums over a container's session where no control group does
// them, and to see who is left of a process group.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
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

/** The processes of a session or group, and all that descend from its leader. */
export function membersOf(leader: number, table: readonly TableEntry[]): readonly TableEntry[] {
  const found = new Set<number>([leader])
  for (let known = 0; known < found.size;) {
    known = found.size
    for (const { pid, parent } of table) if (found.has(parent)) found.add(pid)
  }
  return table.filter(
    ({ pid, session, group }) => session === leader || group === leader || found.has(pid),
  )
}

/** Every process that we may see. */
export async function readProcessTable(): Promise<readonly TableEntry[]> {
  if (process.platform !== 'linux') return readByPs()
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return pids.map(readEntry).filter((entry) => entry !== undefined)
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
