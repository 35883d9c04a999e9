// SPDX-License-Identifier: Apache-2.0
// What is written down about one launch, in a directory of its own below the node's: `launch.json` by
// us before anything runs, `started` by the stage, `exit` by the wrapper. Who dies when leaves one of
// few combinations, which `readNotes` tells apart. Values of the pod are never written here.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ContainerKey } from '../../runtime/container-runtime.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { readShortFile } from './short-file.ts'
import type { RunUser } from './users.ts'

/** What is known before the launch. */
export interface LaunchRecord {
  readonly version: 1
  readonly id: string
  readonly key: ContainerKey
  readonly image: string
  readonly imageId: string
  readonly user: RunUser
  readonly bootId: string
  /** The control group of the pod, where its containers share one. */
  readonly podGroup?: string
  /** The container's process holds a terminal for the program; see terminal-program.ts. */
  readonly hasTerminal?: true
  /** Left out: the container is a process among the host's. */
  readonly sandbox?: SandboxRecord
}

/** What of a sandbox must be known to find its program and to clear up after it. */
export interface SandboxRecord {
  readonly hasOwnProcesses: boolean
  /** Of root's programs in it; left out where nobody but its own user could give it any. */
  readonly capabilities?: readonly string[]
  /** Its root is not the host's. */
  readonly hasKit?: boolean
  /** The pod's memory is in the mount namespace that its sandbox was made from. */
  readonly holdsMemory?: true
  /** What puts the container's filter of system calls on a command, as a path in there. */
  readonly starter?: string
  /** Directory of what only this run could write to. */
  readonly scratch: string
}

/** What stage and wrapper have noted. */
export interface LaunchNotes {
  readonly started?: {
    readonly process: ProcessIdentity
    readonly wrapper: ProcessIdentity
    readonly atMs: number
  }
  readonly exit?: {
    readonly code: number
    readonly atMs: number
    /** The kernel killed for want of memory; noted only when the group that counted it goes. */
    readonly isOutOfMemory: boolean
  }
}

/** A launch with its directory. */
export interface Launch {
  readonly dir: string
  readonly record: LaunchRecord
}

/** Name of the control group of a launch. */
export function groupOf({ dir, record }: Launch): string {
  return join(record.podGroup ?? '', basename(dir))
}

const recordFile = 'launch.json'
const outOfMemoryFile = 'out-of-memory'
const dropped = '.dropped-'

/** Makes the directory of a new launch. Each has a name of its own, so that none meets another's late stage. */
export async function createLaunch(parent: string, record: LaunchRecord): Promise<Launch> {
  const dir = join(parent, `${record.id}-${randomBytes(4).toString('hex')}`)
  await mkdir(dir, { mode: 0o700 })
  // Nothing runs before it is whole, and one that is cut is as good as none.
  await writeFile(join(dir, recordFile), JSON.stringify(record), { mode: 0o600 })
  return { dir, record }
}

/** All launches written down below `parent`; what is half made or half dropped is cleared away. */
export async function listLaunches(parent: string): Promise<readonly Launch[]> {
  const launches: Launch[] = []
  for (const name of await readdir(parent)) {
    const dir = join(parent, name)
    const record = await readRecord(dir)
    if (record === undefined || name.startsWith(dropped)) await dropLaunch(dir)
    else launches.push({ dir, record })
  }
  return launches
}

/** Undefined: there is none, or our death or a power loss cut it, and nothing of it runs. */
async function readRecord(dir: string): Promise<LaunchRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(dir, recordFile), 'utf8')) as LaunchRecord
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined
    // A record that is there but cannot be read may be that of a running process: never dropped.
    throw error
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Reads what stage and wrapper have noted so far. */
export function readNotes({ dir, record }: Launch): LaunchNotes {
  // In this order: what has ended has started before.
  const exit = readShortFile(join(dir, 'exit'))
  const started = readShortFile(join(dir, 'started'))
  const isOutOfMemory = exit !== undefined && existsSync(join(dir, outOfMemoryFile))
  const identities = started && parseStarted(started.text, record.bootId)
  const code = exit && /^(\d{1,3})\n$/.exec(exit.text)?.[1]
  return {
    ...(identities && { started: { ...identities, atMs: started.atMs } }),
    ...(exit &&
      code !== undefined && { exit: { code: Number(code), atMs: exit.atMs, isOutOfMemory } }),
  }
}

/** Keeps what only the control group knew; false: it could not be written, and the group must stay. */
export async function noteOutOfMemory({ dir }: Launch): Promise<boolean> {
  try {
    await writeFile(join(dir, outOfMemoryFile), '', { mode: 0o600 })
    return true
  } catch (error) {
    // A launch that was dropped has nobody left to tell.
    return isMissing(error)
  }
}

/** Reads the stage's line: pid, its start time, the wrapper's pid and start time. */
export function parseStarted(
  text: string,
  bootId: string,
): { readonly process: ProcessIdentity; readonly wrapper: ProcessIdentity } | undefined {
  const match = /^(\d+)\|([^|\n]+)\|(\d+)\|([^|\n]+)\|\.\n$/.exec(text)
  if (!match) return undefined
  const [, pid, startTime = '', wrapperPid, wrapperStartTime = ''] = match
  return {
    process: { pid: Number(pid), startTime: startTime.trim(), bootId },
    wrapper: { pid: Number(wrapperPid), startTime: wrapperStartTime.trim(), bootId },
  }
}

/**
 * Makes sure that a launch without a `started` note never starts any more: takes the note's place.
 * False: the stage was quicker, and the launch has started.
 */
export async function forbidStart({ dir }: Launch): Promise<boolean> {
  const note = join(dir, 'started')
  try {
    await (await open(note, 'wx')).close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readShortFile(note)?.text === '' && (await replaceEmpty(note))
}

/**
 * A stage makes its note and then fills it, and was perhaps killed in between. One that fills it only now
 * finds another file in its place, which is empty, and goes no further.
 */
async function replaceEmpty(note: string): Promise<boolean> {
  const begun = await open(note)
  try {
    const other = `${note}-other`
    await writeFile(other, '', { mode: 0o600 })
    await rename(other, note)
    const text = await begun.readFile('utf8')
    if (text === '') return true
    // It was filled in the meantime, and the stage may have gone on.
    await writeFile(other, text, { mode: 0o600 })
    await rename(other, note)
    return false
  } finally {
    await begun.close()
  }
}

/** Removes a launch's directory. It loses its name first: a half removed one is never read again. */
export async function dropLaunch(dir: string): Promise<void> {
  const parent = join(dir, '..')
  const doomed = join(parent, `${dropped}${randomBytes(8).toString('hex')}`)
  try {
    await rename(dir, doomed)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  await rm(doomed, { recursive: true, force: true })
}
