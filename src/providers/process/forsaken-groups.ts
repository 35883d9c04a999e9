// SPDX-License-Identifier: Apache-2.0
// Control groups of nodes that are gone: whoever is killed leaves them, and nobody starts there again. Each node
// notes where its own are and whose, in a place that goes with the machine's boot as they do. Only what is empty
// is removed, and only where the root directory is gone and no process of the node lives: all other nodes tidy
// up their own at their next start.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { replaceFile } from '../../util/replace-file.ts'
import type { Cgroups } from './cgroup.ts'
import { isAlive, observeProcess, readBootId } from './process-identity.ts'

/** Where one node's control groups are, below the mounts of the machine. */
export interface GroupsPlace {
  /** Of the configuration, such as /virtual-kubelet. */
  readonly cgroupRoot: string
  /** The node's root directory, which names its folder. */
  readonly rootDir: string
}

export interface ForsakenGroupsParts {
  /** Where nodes note theirs. */
  readonly notesDir: string
  /** The groups of a folder, which is not made. */
  readonly open: (folder: string) => Cgroups | undefined
}

const noteSchema = v.object({
  cgroupRoot: v.string(),
  rootDir: v.string(),
  pid: v.number(),
  startTime: v.string(),
  bootId: v.string(),
})

type Note = v.InferOutput<typeof noteSchema>

/** Name of a node's folder among control groups. */
export function nodeFolder(rootDir: string): string {
  return createHash('sha256').update(rootDir).digest('hex').slice(0, 12)
}

/** Where this user's nodes note their groups; undefined where there is no such place. */
export function groupNotesDir(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const runtimeDir = process.getuid?.() === 0 ? '/run' : environment['XDG_RUNTIME_DIR']
  return runtimeDir && join(runtimeDir, 'virtual-kubelet', 'control-groups')
}

/** Notes where this node's groups are, and removes those of nodes that are gone. */
export async function sweepForsakenGroups(
  own: GroupsPlace,
  { notesDir, open }: ForsakenGroupsParts,
): Promise<void> {
  await mkdir(notesDir, { recursive: true, mode: 0o700 })
  const { pid } = process
  const startTime = (await observeProcess(pid))?.startTime ?? ''
  const ownName = nodeFolder(own.rootDir)
  const note: Note = { ...own, pid, startTime, bootId: readBootId() }
  await replaceFile(join(notesDir, ownName), JSON.stringify(note))
  for (const name of await readdir(notesDir)) {
    const path = join(notesDir, name)
    const other = await readNote(path)
    if (name === ownName || !other || name !== nodeFolder(other.rootDir)) continue
    if (!(await isForsaken(other))) continue
    if (removeAll(open(join(other.cgroupRoot, name)))) await rm(path, { force: true })
  }
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    return v.parse(noteSchema, JSON.parse(await readFile(path, 'utf8')))
  } catch {
    // Not one of ours, or somebody has removed it in the meantime.
    return undefined
  }
}

async function isForsaken({ rootDir, ...owner }: Note): Promise<boolean> {
  if (existsSync(rootDir)) return false
  const observed = await observeProcess(owner.pid)
  return !isAlive(owner, { bootId: readBootId(), observed })
}

/** False: something lives in one of them. */
function removeAll(cgroups: Cgroups | undefined): boolean {
  for (const name of cgroups?.list() ?? []) cgroups?.remove(name)
  cgroups?.release()
  return (cgroups?.list() ?? []).length === 0
}
