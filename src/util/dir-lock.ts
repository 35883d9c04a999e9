// SPDX-License-Identifier: Apache-2.0
// One process per directory. Each process that wants the lock puts up a flag file whose name says who
// it is, and only then looks for others: of two that come at once at least one sees the other. A flag
// of a dead process can be taken down by anybody, for its name can never belong to a living one, so
// kill -9 leaves nothing that a person has to remove.
// Processes are told apart by pid, start time and boot; in another pid namespace (two containers with
// one volume) they cannot be seen, and a flag from there counts as dead.
import { randomBytes } from 'node:crypto'
import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cannotUseFolder, makeFolder } from './make-folder.ts'
import { UserError } from './vk-error.ts'

export interface DirLockOptions {
  /** Where the kernel tells of processes; default /proc. Without it only the pid counts. */
  readonly procDir?: string
  /** Default: this process. */
  readonly pid?: number
}

/** Holds a directory until disposed of. */
export interface DirLock extends AsyncDisposable {
  /** The file that says so. */
  readonly path: string
}

interface Owner {
  readonly pid: number
  /** Clock ticks since boot, `0` where unknown. */
  readonly startTicks: string
  readonly bootId: string
}

const flagsFolder = '.lock'
const flagName = /^(\d+)_(\d+)_([\w-]*)_[0-9a-f]+$/
const rounds = 20

/**
 * Locks `dir` for this process and makes it (mode 0700) when it is not there. Throws a UserError that
 * names the process which holds it.
 */
export async function lockDir(dir: string, options: DirLockOptions = {}): Promise<DirLock> {
  const { procDir = '/proc', pid = process.pid } = options
  const folder = join(dir, flagsFolder)
  await makeFolder(folder)
  const bootId = await readLine(join(procDir, 'sys/kernel/random/boot_id'))
  const startTicks = (await readProcess(pid, procDir)).startTicks
  const name = `${pid}_${startTicks}_${bootId}_${randomBytes(6).toString('hex')}`
  const path = join(folder, name)
  for (let round = 1; ; round++) {
    await createFlag(path)
    const other = await findOther(folder, { name, bootId, procDir }).catch(async (error) => {
      await rm(path, { force: true })
      throw error
    })
    if (other === undefined) break
    await rm(path, { force: true })
    if (other.heldSince !== '' || round === rounds) throw refusal(dir, other)
    // Somebody else is trying at this very moment: both step back for different times.
    await delay(Math.random() * 20 * round)
  }
  try {
    await writeFile(path, new Date().toISOString())
  } catch (cause) {
    await rm(path, { force: true })
    throw cannotUseFolder(dir, cause)
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}

/** Process id of who holds the directory now; undefined when nobody does. */
export async function lockHolder(
  dir: string,
  options: DirLockOptions = {},
): Promise<number | undefined> {
  const { procDir = '/proc' } = options
  const folder = join(dir, flagsFolder)
  const bootId = await readLine(join(procDir, 'sys/kernel/random/boot_id'))
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid = '', startTicks = '', flagBootId = ''] = flagName.exec(name) ?? []
    const owner = { pid: Number(pid), startTicks, bootId: flagBootId }
    if (pid === '' || !(await isAlive(owner, { bootId, procDir }))) continue
    if ((await readLine(join(folder, name))) !== '') return owner.pid
  }
  return undefined
}

async function createFlag(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (cause) {
    throw cannotUseFolder(dirname(path), cause)
  }
}

interface Other {
  readonly pid: number
  /** Empty while it has not got the lock yet. */
  readonly heldSince: string
}

async function findOther(
  folder: string,
  own: { readonly name: string; readonly bootId: string; readonly procDir: string },
): Promise<Other | undefined> {
  let found: Other | undefined
  for (const name of await readdir(folder)) {
    const [, pid = '', startTicks = '', bootId = ''] = flagName.exec(name) ?? []
    if (name === own.name || pid === '') continue
    if (await isAlive({ pid: Number(pid), startTicks, bootId }, own)) {
      const heldSince = await readLine(join(folder, name))
      if (found === undefined || found.heldSince === '') found = { pid: Number(pid), heldSince }
    } else {
      await rm(join(folder, name), { force: true })
    }
  }
  return found
}

async function isAlive(
  owner: Owner,
  { bootId, procDir }: { readonly bootId: string; readonly procDir: string },
): Promise<boolean> {
  if (owner.bootId !== bootId) return false
  if (bootId === '') return canSignal(owner.pid)
  const { startTicks, state } = await readProcess(owner.pid, procDir)
  return startTicks === owner.startTicks && startTicks !== '0' && state !== 'Z' && state !== 'X'
}

function canSignal(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** State letter and start time from `/proc/<pid>/stat`; the name in it may hold anything, even `)`. */
async function readProcess(
  pid: number,
  procDir: string,
): Promise<{ readonly state: string; readonly startTicks: string }> {
  const stat = await readLine(join(procDir, `${pid}`, 'stat'))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // Counted from 1, the state is field 3 and the start time field 22.
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '0' }
}

function refusal(dir: string, { pid, heldSince }: Other): UserError {
  const since = heldSince === '' ? 'which is just starting' : `since ${heldSince}`
  return new UserError(`Cannot use directory "${dir}": process ${pid} holds it (${since})`, {
    hint: 'Stop that process, or give this one a --root-dir of its own.',
  })
}

async function readLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch {
    // Not there, or gone meanwhile: nothing is known.
    return ''
  }
}
