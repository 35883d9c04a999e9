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

/** The same of a process and of its children that run now, with all that each of them has waited for. */
export function familyCpuMs(pid: number): number {
  let totalMs = cpuMs(pid, { children: true })
  for (const entry of readdirSync('/proc')) {
    try {
      if (/^\d+$/.test(entry) && parentOf(entry) === pid) {
        totalMs += cpuMs(Number(entry), { children: true })
      }
    } catch {
      // It has ended in the meantime, and counts as waited for.
    }
  }
  return totalMs
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
