// SPDX-License-Identifier: Apache-2.0
// Control groups as this provider uses them: one per container, for limits, usage, the reason of a
// kill, and to find processes that left their process group. Version 1 and 2 differ in files only.

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

/** Begins the names of groups that containers of a pod share. */
export const podGroupPrefix = 'pod-'
