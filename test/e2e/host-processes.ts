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
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => argumentsOf(pid).includes(word))
}

/** Waits until no process has this argument. */
export async function untilNoneHas(word: string, timeoutMs = 15_000): Promise<void> {
  await eventually(() => pidsWithArgument(word).length === 0, {
    what: `no process to have the argument ${word}`,
    timeoutMs,
  })
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    // It ended in the meantime.
    return []
  }
}
