// SPDX-License-Identifier: Apache-2.0
// Control groups as this provider uses them: one per container, for limits, usage, the reason of a
// kill, and to find processes that left their process group. Version 1 and 2 differ in files only.
import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a container may use; undefined is no limit. */
export interface CgroupLimits {
  readonly cpuLimitMilli: number | undefined
  readonly cpuRequestMilli: number | undefined
  readonly memoryLimitBytes: number | undefined
  readonly maxProcesses: number | undefined
}

/** Usage as the kernel counts it. */
export interface CgroupUsage {
  readonly cpuNanoseconds?: number
  readonly memoryBytes?: number
  readonly workingSetBytes?: number
  readonly rssBytes?: number
  readonly pageFaults?: number
  readonly majorPageFaults?: number
}

/** The control groups of one node's containers, each named after its launch. */
export interface Cgroups {
  /** Makes the folder of all groups; throws where that is not allowed. Call it first. */
  prepare(): void
  readonly can: { readonly limitCpu: boolean; readonly limitMemory: boolean }
  /**
   * Makes the container's group, or finds it; answers the files that a process joins it by. With a slash in its
   * name it is made inside of a pod's, which is there.
   */
  create(name: string, limits: CgroupLimits): readonly string[]
  /**
   * Has the members of a group live with these limits from now on; false for an unknown group. Throws where
   * the kernel refuses one, such as less memory than they use.
   */
  update(name: string, limits: CgroupLimits): boolean
  /** The files of `create`, for a group that is there; none for an unknown one. */
  joinFiles(name: string): readonly string[]
  /** File that kills all members when `1` is written to it, where the kernel has one. */
  killFile(name: string): string | undefined
  /** Pids of the members; empty for an unknown group. */
  members(name: string): readonly number[]
  /** How often the kernel has killed a member for want of memory. */
  oomKills(name: string): number
  usage(name: string): CgroupUsage | undefined
  /** Removes an empty group; false while it still has members. */
  remove(name: string): boolean
  list(): readonly string[]
  /** Removes empty groups of pods, and the folder where no group is left in it; `create` makes them again. */
  release(): void
}

/** The text of a file, empty when it cannot be read. */
export function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Groups vanish, and older kernels lack files; both mean that there is nothing to read.
    return ''
  }
}

/** Pids in a group and the groups below it. */
export function membersOf(dir: string): readonly number[] {
  const own = readOr(join(dir, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
  return [...own, ...subgroups(dir).flatMap(membersOf)]
}

/** Removes a group with the groups below it; false while one has members. */
export function removeGroup(dir: string): boolean {
  const areGone = subgroups(dir).map(removeGroup).every(Boolean)
  try {
    rmdirSync(dir)
    return areGone
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** Begins the names of groups that containers of a pod share. */
export const podGroupPrefix = 'pod-'

/**
 * Removes the groups of pods in `dir` that are empty, and then `dir` if nothing is left in it. The kernel
 * removes no group that has processes or groups in it.
 */
export function removeFolder(dir: string): void {
  const ofPods = groupNames(dir).filter((name) => name.startsWith(podGroupPrefix))
  for (const place of [...ofPods.map((name) => join(dir, name)), dir]) {
    try {
      rmdirSync(place)
    } catch {
      // In use by what runs on.
    }
  }
}

/** Names of the groups in `dir` and in the groups of pods there. */
export function allGroupNames(dir: string): readonly string[] {
  return groupNames(dir).flatMap((name) =>
    name.startsWith(podGroupPrefix)
      ? [name, ...groupNames(join(dir, name)).map((inner) => join(name, inner))]
      : [name],
  )
}

/** Names of the groups in `dir`; none when it is not there. */
export function groupNames(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    // Not there: nothing was made yet.
    return []
  }
}

/** Makes a group and writes its settings. */
export function makeGroup(dir: string, settings: readonly (readonly [string, string])[]): void {
  mkdirSync(dir, { recursive: true })
  for (const [file, value] of settings) writeFileSync(join(dir, file), value)
}

/** A figure from a flat keyed file such as memory.stat. */
export function keyedValue(text: string, key: string): number | undefined {
  const value = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1]
  return value === undefined ? undefined : Number(value)
}

/** Length of a CPU scheduling period, in microseconds. */
export const cpuPeriod = 100_000

/** CPU time per period for a limit in millicores; the kernel takes no less than 1 ms. */
export function cpuQuota(limitMilli: number): number {
  return Math.max(Math.floor((limitMilli * cpuPeriod) / 1000), 1000)
}

/** cpu.shares for a request in millicores, as the kubelet computes it. */
export function cpuShares(requestMilli: number): number {
  return Math.min(Math.max(Math.floor((requestMilli * 1024) / 1000), 2), 262_144)
}

function subgroups(dir: string): readonly string[] {
  return groupNames(dir).map((name) => join(dir, name))
}
