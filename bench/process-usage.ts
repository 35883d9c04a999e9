// SPDX-License-Identifier: Apache-2.0
//
// What a process has used so far, from /proc.
import { readFileSync, readdirSync } from 'node:fs'

/** Clock ticks of /proc per second: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU time of all threads so far, in user mode and in the kernel; if asked, with children that it waited for. */
export function cpuMs(
  pid: number,
  { children = false }: { readonly children?: boolean } = {},
): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is a name in parentheses that may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, children ? 15 : 13).reduce((sum, field) => sum + Number(field), 0)
  return (ticks * 1000) / TICKS_PER_SECOND
}

/** The same of a process and of all that it has started, directly or not, and that runs now. */
export function familyCpuMs(pid: number): number {
  const parents = new Map(
    readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((entry) => [Number(entry), ifRuns(() => parentOf(entry))]),
  )
  const family = new Set([pid])
  for (let size = 0; size !== family.size;) {
    size = family.size
    for (const [one, parent] of parents) if (parent && family.has(parent)) family.add(one)
  }
  return [...family].reduce(
    (sum, one) => sum + (ifRuns(() => cpuMs(one, { children: true })) ?? 0),
    0,
  )
}

/** Undefined for what has ended in the meantime; it counts as waited for. */
function ifRuns<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function parentOf(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** Resident memory now, in MiB. */
export function residentMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}
