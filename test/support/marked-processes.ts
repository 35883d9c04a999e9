// SPDX-License-Identifier: Apache-2.0
// Processes of this machine by a word on their command line, to see whether a test left any behind.
import { readdirSync, readFileSync } from 'node:fs'

/** Command lines that hold the word, ended processes left out. */
export function processesWith(word: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => commandLine(pid))
    .filter((line) => line.includes(word))
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    // It ended between the two looks.
    return ''
  }
}
