// SPDX-License-Identifier: Apache-2.0
// Control groups of this machine as files: what a pod's group is limited by, who is in it, and how it goes.
// Version 1 has a hierarchy for each controller, version 2 one for all, where each level hands them down.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { UpdatableResources } from '../container/resource-options.ts'

/** Where a machine has them. */
export interface CgroupTree {
  readonly mountPoint: string
  readonly version: 1 | 2
}

const controllers = ['cpu', 'memory'] as const
/** What the kernel says then; plain folders say the other. */
const inUse = new Set(['EBUSY', 'ENOTEMPTY'])

/** Can groups below this one be given limits? Makes it, with what leads there. */
export function canLimitBelow(tree: CgroupTree, parent: string): boolean {
  try {
    makeGroup(tree, parent)
    if (tree.version === 2) return handedDown(join(tree.mountPoint, parent)).length === 2
    const files = { cpu: 'cpu.cfs_quota_us', memory: 'memory.limit_in_bytes' }
    for (const controller of controllers) {
      accessSync(join(tree.mountPoint, controller, parent, files[controller]), constants.W_OK)
    }
    return true
  } catch {
    // Not there, not ours to write, or a kernel without them.
    return false
  }
}

/** Makes the group, or finds it, and has all that is in it live with these limits; throws what the kernel says. */
export function limitGroup(tree: CgroupTree, path: string, resources: UpdatableResources): void {
  makeGroup(tree, path)
  for (const [file, value] of settingsOf(tree, path, resources)) writeFileSync(file, value)
}

/** Is this process in the group, or in one below it? */
export function isInGroup({ mountPoint, version }: CgroupTree, path: string, pid: number): boolean {
  return hierarchiesOf(version).every((name) =>
    membersOf(join(mountPoint, name, path)).includes(pid),
  )
}

/** Names of the groups in this one. */
export function groupNames({ mountPoint, version }: CgroupTree, path: string): readonly string[] {
  const names = hierarchiesOf(version).flatMap((name) => foldersIn(join(mountPoint, name, path)))
  return [...new Set(names)]
}

/** Is there no process in the group, which was made before `beforeMs`? */
export function isIdle(
  { mountPoint, version }: CgroupTree,
  path: string,
  beforeMs: number,
): boolean {
  const places = hierarchiesOf(version).map((name) => join(mountPoint, name, path))
  return places.every((dir) => membersOf(dir).length === 0 && isOlder(dir, beforeMs))
}

/**
 * Removes the group and those below it from every hierarchy, where that is ours; false while something is in one.
 * The kernel may take its time.
 */
export async function removeGroup(
  { mountPoint }: Pick<CgroupTree, 'mountPoint'>,
  path: string,
): Promise<boolean> {
  // Of version 2 the mount point itself is the hierarchy, and has no folders of their names.
  const places = ['', ...foldersIn(mountPoint)].map((name) => join(mountPoint, name, path))
  return await removeTrees(places)
}

function hierarchiesOf(version: CgroupTree['version']): readonly string[] {
  return version === 2 ? [''] : controllers
}

function makeGroup({ mountPoint, version }: CgroupTree, path: string): void {
  for (const name of hierarchiesOf(version)) {
    mkdirSync(join(mountPoint, name, path), { recursive: true })
  }
  if (version === 1) return
  const parts = path.split('/').filter((part) => part !== '')
  for (let depth = 0; depth <= parts.length; depth += 1) {
    const dir = join(mountPoint, ...parts.slice(0, depth))
    for (const controller of controllers) {
      if (handedDown(dir).includes(controller)) continue
      writeFileSync(join(dir, 'cgroup.subtree_control'), `+${controller}`)
    }
  }
}

function handedDown(dir: string): readonly string[] {
  const all = readFileSync(join(dir, 'cgroup.subtree_control'), 'utf8').trim().split(' ')
  return controllers.filter((controller) => all.includes(controller))
}

type Setting = readonly [file: string, value: string]

function settingsOf(
  { mountPoint, version }: CgroupTree,
  path: string,
  { CpuShares = 2, CpuPeriod = 100_000, CpuQuota, Memory }: UpdatableResources,
): readonly Setting[] {
  if (version === 2) {
    const dir = join(mountPoint, path)
    return [
      // As container runtimes turn shares into weights.
      [join(dir, 'cpu.weight'), String(Math.floor(1 + ((CpuShares - 2) * 9999) / 262_142))],
      [join(dir, 'cpu.max'), `${CpuQuota ?? 'max'} ${CpuPeriod}`],
      [join(dir, 'memory.max'), String(Memory ?? 'max')],
      // Machines without swap have no such file.
      ...ifThere([join(dir, 'memory.swap.max'), Memory === undefined ? 'max' : '0']),
    ]
  }
  const cpu = join(mountPoint, 'cpu', path)
  return [
    [join(cpu, 'cpu.shares'), String(CpuShares)],
    [join(cpu, 'cpu.cfs_period_us'), String(CpuPeriod)],
    [join(cpu, 'cpu.cfs_quota_us'), String(CpuQuota ?? -1)],
    ...memoryOfVersion1(join(mountPoint, 'memory', path), Memory ?? -1),
  ]
}

/** Memory never exceeds memory with swap: which of them is written first depends on the way. */
function memoryOfVersion1(dir: string, bytes: number): readonly Setting[] {
  const memory = [join(dir, 'memory.limit_in_bytes'), String(bytes)] as const
  // A kernel that does not count swap has no such file.
  const withSwap = ifThere([join(dir, 'memory.memsw.limit_in_bytes'), String(bytes)])
  const isMore = bytes < 0 || bytes > Number(readFileSync(memory[0], 'utf8'))
  return isMore ? [...withSwap, memory] : [memory, ...withSwap]
}

function ifThere(setting: Setting): readonly Setting[] {
  return existsSync(setting[0]) ? [setting] : []
}

function membersOf(dir: string): readonly number[] {
  const below = foldersIn(dir).flatMap((name) => membersOf(join(dir, name)))
  try {
    const own = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
    return [...own.map(Number), ...below]
  } catch {
    // It goes just now.
    return below
  }
}

/** A group that is not there is not young. */
function isOlder(dir: string, beforeMs: number): boolean {
  const { ctimeMs } = statSync(dir, { throwIfNoEntry: false }) ?? { ctimeMs: 0 }
  return ctimeMs < beforeMs
}

/** One after the other: the kernel has one lock for all groups, and others wait for our threads. */
async function removeTrees(dirs: readonly string[]): Promise<boolean> {
  let areGone = true
  for (const dir of dirs) if (!(await removeTree(dir))) areGone = false
  return areGone
}

async function removeTree(dir: string): Promise<boolean> {
  const areGone = await removeTrees(foldersIn(dir).map((name) => join(dir, name)))
  try {
    await rmdir(dir)
    return areGone
  } catch (error) {
    return !inUse.has((error as NodeJS.ErrnoException).code ?? '')
  }
}

function foldersIn(dir: string): readonly string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch {
    // Not there, or going just now.
    return []
  }
}
