// SPDX-License-Identifier: Apache-2.0
//
// What runs on this machine, to see whether pods of the process provider really run, and are gone.
import { randomInt } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { eventually } from './eventually.ts'

/** A number of seconds for `sleep` that nobody else sleeps for, so that its process can be found. */
export function uniqueSleep(): string {
  return `${randomInt(100_000, 999_999)}.${randomInt(100_000, 999_999)}`
}

/** Pids of processes that have this word as one of their arguments; zombies have none. */
export function pidsWithArgument(word: string): readonly number[] {
  return allPids().filter((pid) => textOf(pid, 'cmdline').split('\0').includes(word))
}

/** Waits until no process has this argument. */
export async function untilNoneHas(word: string, timeoutMs = 120_000): Promise<void> {
  await eventually(() => pidsWithArgument(word).length === 0, {
    what: `no process to have the argument ${word}`,
    timeoutMs,
  })
}

/**
 * Kills the processes that have this text, a path, in their arguments or environment, with all that they
 * started. Pods outlive their node, so that nobody else ends those of a cluster that is no more.
 */
export function endProcessesNaming(text: string): void {
  if (process.platform !== 'linux') return
  const pids = allPids().filter((pid) => pid !== process.pid)
  const parents = new Map(pids.map((pid) => [pid, parentOf(pid)]))
  const doomed = new Set(pids.filter((pid) => isNaming(pid, text)))
  for (let size = -1; size !== doomed.size;) {
    size = doomed.size
    for (const [pid, parent] of parents) if (doomed.has(parent)) doomed.add(pid)
  }
  for (const pid of doomed) end(pid)
}

function isNaming(pid: number, text: string): boolean {
  return textOf(pid, 'cmdline').includes(text) || textOf(pid, 'environ').includes(text)
}

function allPids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function parentOf(pid: number): number {
  // The name of the program stands in brackets before it, and may have spaces in it.
  const [, rest = ''] = textOf(pid, 'stat').split(/\) (.*)/s)
  return Number(rest.split(' ')[1] ?? 0)
}

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    // It ended in the meantime, or is another user's.
    return ''
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in the meantime.
  }
}
