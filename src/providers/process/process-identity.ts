// SPDX-License-Identifier: Apache-2.0
// Tells a process from a later one with the same pid: by its start time, within one boot. A bare pid
// is never trusted, for signalling a stranger is worse than signalling nobody.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** One process, for good. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot from /proc, or what `ps -o lstart` prints. */
  readonly startTime: string
  readonly bootId: string
}

/** A process of this boot. */
export type ProcessMark = Pick<ProcessIdentity, 'pid' | 'startTime'>

/** What the system says of a pid now. */
export interface ObservedProcess {
  readonly startTime: string
  /** A zombie has ended; only its parent has not looked yet. */
  readonly isZombie: boolean
}

/** Is the process of that pid still the recorded one, and does it still run? */
export function isAlive(
  recorded: ProcessIdentity,
  now: { readonly bootId: string; readonly observed: ObservedProcess | undefined },
): boolean {
  return isSame(recorded, now) && now.observed?.isZombie === false
}

/**
 * May the process group of the recorded leader be signalled? Not after a reboot, and not when the pid
 * belongs to another process. A leader that has ended keeps its number reserved as long as the group
 * has members.
 */
export function maySignalGroup(
  recorded: ProcessIdentity,
  now: { readonly bootId: string; readonly observed: ObservedProcess | undefined },
): boolean {
  if (recorded.bootId !== now.bootId || recorded.pid <= 1) return false
  return now.observed === undefined || now.observed.startTime === recorded.startTime
}

function isSame(
  recorded: ProcessIdentity,
  now: { readonly bootId: string; readonly observed: ObservedProcess | undefined },
): boolean {
  return recorded.bootId === now.bootId && recorded.startTime === now.observed?.startTime
}

/** Reads /proc/<pid>/stat. The command's name may hold blanks and brackets; fields follow the last one. */
export function parseStat(text: string): (ObservedProcess & StatFields) | undefined {
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  const startTime = fields[22 - 3]
  if (!text.includes(') ') || startTime === undefined) return undefined
  return {
    startTime,
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
    parent: field(4),
    group: field(5),
    session: field(6),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    residentPages: field(24),
  }
}

/** What else of /proc/<pid>/stat is of use. */
export interface StatFields {
  readonly parent: number
  readonly group: number
  readonly session: number
  /** In user and kernel mode, with that of children it has waited for. */
  readonly cpuTicks: number
  readonly residentPages: number
}

/**
 * The process of that pid, or undefined when there is none. Rejects where nobody can look now: what was not seen has
 * not ended.
 */
export async function observeProcess(pid: number): Promise<ObservedProcess | undefined> {
  return process.platform === 'linux' ? observeByProc(pid) : observeByPs(pid)
}

function observeByProc(pid: number): ObservedProcess | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (passing.has(code)) throw error
    return undefined
  }
}

/** Of us, and not of who is looked at: no descriptors or no memory left. */
const passing = new Set(['EMFILE', 'ENFILE', 'ENOMEM'])

/**
 * The text of a file of /proc, empty where there is no such process. It comes from memory: to wait for it costs
 * many times as much as to read it.
 */
export function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    // It has ended.
    return ''
  }
}

async function observeByPs(pid: number): Promise<ObservedProcess | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    })
    const match = /^\s*(\S+)\s+(.*\S)\s*$/.exec(stdout)
    if (!match) return undefined
    return { startTime: match[2] ?? '', isZombie: match[1]?.startsWith('Z') === true }
  } catch {
    // ps fails when there is no such process.
    return undefined
  }
}

/** Changes with each boot; empty where the system does not tell. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // Not Linux. Start times are dates there, which no two boots share.
    return ''
  }
}
