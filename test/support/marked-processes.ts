// SPDX-License-Identifier: Apache-2.0
// Processes of this machine by a word on their command line, to see whether a test left any behind.
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Command lines that hold the word, ended processes left out; and what a shell forks to run a program,
 * which for a moment has the shell's own command line.
 */
export function processesWith(word: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => ({ pid, line: commandLine(pid) }))
    .filter(({ pid, line }) => line.includes(word) && commandLine(parentOf(pid)) !== line)
    .map(({ line }) => line)
}

function parentOf(pid: string): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the program's name, which may hold anything: state, then parent.
    return stat.slice(stat.lastIndexOf(')')).split(' ')[2] ?? ''
  } catch {
    // As below.
    return ''
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    // It ended between the two looks.
    return ''
  }
}
