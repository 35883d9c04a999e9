// SPDX-License-Identifier: Apache-2.0
// Which process of the host is the program in a sandbox. bwrap notes the process that it has put inside; that
// is the program itself, or, with a process namespace of its own, the first process there, whose first
// child is the program. Each is believed only as a descendant of the container's own process.
import { readFileSync } from 'node:fs'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { VkError } from '../../../util/vk-error.ts'
import { parseStat, readProc } from '../process-identity.ts'
import type { ProcessMark } from '../process-identity.ts'
import { readProcessTable } from '../process-table.ts'
import { readShortFile } from '../short-file.ts'
import { bubblewrapWords, filterOfFirst } from './bubblewrap.ts'
import type { Sandbox } from './sandbox.ts'

/** Processes of a sandbox, by the host's pids. */
export interface SandboxedProgram {
  /** In all namespaces of the sandbox. */
  readonly inside: ProcessMark
  readonly programPid: number
}

/** A guard of bwrap's own may stand between. */
const maxGenerations = 3

/** Where bwrap notes it, in the launch's directory. */
export function sandboxPath(dir: string): string {
  return join(dir, 'sandbox')
}

/** Writes what the stage and bwrap read, before either is started. */
export async function writeSandbox(dir: string, sandbox: Sandbox): Promise<void> {
  if (sandbox.calls) return
  const path = sandboxPath(dir)
  const { guard, processesOf } = sandbox
  await writeWords(`${path}-words`, bubblewrapWords(sandbox))
  if (guard) await writeWords(`${path}-guard`, guard)
  const processes = processesOf ? `/proc/${processesOf.pid}/ns/pid` : filterOfFirst(sandbox)
  if (processes !== undefined) await symlink(processes, `${path}-processes`)
}

async function writeWords(path: string, words: readonly string[]): Promise<void> {
  // Whatever is part of a plan: one word stays one.
  if (words.some((word) => word.includes('\0'))) {
    throw new VkError('Invalid', 'a path of the sandbox holds a character that no path can')
  }
  await writeFile(path, words.map((word) => `${word}\0`).join(''), { mode: 0o600 })
}

/** Undefined: not there yet, or not any more. */
export async function findProgram(
  dir: string,
  { ancestor, hasOwnProcesses }: { readonly ancestor: number; readonly hasOwnProcesses: boolean },
): Promise<SandboxedProgram | undefined> {
  const insidePid = await firstOf(dir, { ancestor, hasOwnProcesses })
  const inside = insidePid === undefined ? undefined : descendantOf(ancestor, insidePid)
  if (inside === undefined) return undefined
  if (!hasOwnProcesses) return { inside, programPid: inside.pid }
  for (const pid of await childrenOf(inside.pid)) {
    if (isNumber(pid, 2)) return { inside, programPid: pid }
  }
  return undefined
}

/** What bwrap has noted; without it, the only child that is the first of its process namespace. */
async function firstOf(
  dir: string,
  { ancestor, hasOwnProcesses }: { readonly ancestor: number; readonly hasOwnProcesses: boolean },
): Promise<number | undefined> {
  const noted = parseInfo(readShortFile(sandboxPath(dir))?.text ?? '')
  if (noted !== undefined || !hasOwnProcesses) return noted
  return (await childrenOf(ancestor)).find((pid) => isNumber(pid, 1))
}

/** Reads `child-pid` of what bwrap writes to --info-fd. */
export function parseInfo(text: string): number | undefined {
  const pid = /"child-pid": (\d+)/.exec(text)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/** Undefined: it is gone, or somebody else's. */
function descendantOf(ancestor: number, pid: number): ProcessMark | undefined {
  let parent = pid
  let startTime: string | undefined
  for (let generation = 0; generation < maxGenerations; generation += 1) {
    const stat = parseStat(readProc(`${parent}/stat`))
    if (stat === undefined) return undefined
    startTime ??= stat.startTime
    if (stat.parent === ancestor) return { pid, startTime }
    parent = stat.parent
  }
  return undefined
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    // A kernel without such lists.
    return (await readProcessTable()).filter(({ parent }) => parent === pid).map((one) => one.pid)
  }
}

/** Has the process this pid in its own namespace? The program's is that after the first one's. */
function isNumber(pid: number, inside: number): boolean {
  const [, last] = /^NSpid:.*\s(\d+)$/m.exec(readProc(`${pid}/status`)) ?? []
  return last === String(inside)
}
