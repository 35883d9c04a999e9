// SPDX-License-Identifier: Apache-2.0
// Control groups of version 1: a hierarchy per controller, a directory for the container in each.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CgroupLimits, CgroupUsage, Cgroups } from './cgroup.ts'
import { cpuPeriod, cpuQuota, cpuShares } from './cpu-quota.ts'
import {
  allGroupNames,
  keyedValue,
  makeGroup,
  membersOf,
  readOr,
  removeFolder,
  removeGroup,
} from './group-files.ts'

const used = ['memory', 'cpu', 'cpuacct', 'pids']

/** Groups below one directory per controller. */
export class CgroupsV1 implements Cgroups {
  readonly can: { readonly limitCpu: boolean; readonly limitMemory: boolean }
  readonly #dirs: ReadonlyMap<string, string>

  constructor(dirs: ReadonlyMap<string, string>) {
    this.#dirs = new Map([...dirs].filter(([controller]) => used.includes(controller)))
    this.can = { limitCpu: this.#dirs.has('cpu'), limitMemory: this.#dirs.has('memory') }
  }

  prepare(): void {
    for (const dir of this.#dirs.values()) makeGroup(dir, [])
  }

  create(name: string, limits: CgroupLimits): readonly string[] {
    for (const [controller, dir] of this.#dirs) {
      makeGroup(join(dir, name), this.#settings(controller, { limits, dir: join(dir, name) }))
    }
    // A process that writes itself to `tasks` joins at once; `cgroup.procs` waits some 10 ms for all
    // processors to pass a quiet point. A shell has one thread, so both do the same.
    return this.joinFiles(name)
  }

  update(name: string, limits: CgroupLimits): boolean {
    let isKnown = false
    for (const [controller, parent] of this.#dirs) {
      const dir = join(parent, name)
      if (!existsSync(dir)) continue
      isKnown = true
      if (controller === 'memory') setMemory(dir, limits.memoryLimitBytes)
      else makeGroup(dir, updatesOf(controller, limits))
    }
    return isKnown
  }

  joinFiles(name: string): readonly string[] {
    return this.#places(name)
      .filter((dir) => existsSync(dir))
      .map((dir) => join(dir, 'tasks'))
  }

  killFile(_name: string): string | undefined {
    return undefined
  }

  members(name: string): readonly number[] {
    return [...new Set(this.#places(name).flatMap(membersOf))]
  }

  oomKills(name: string): number {
    return keyedValue(this.#read('memory', name, 'memory.oom_control'), 'oom_kill') ?? 0
  }

  usage(name: string): CgroupUsage | undefined {
    const stat = this.#read('memory', name, 'memory.stat')
    const usageText = this.#read('memory', name, 'memory.usage_in_bytes')
    const cpuText = this.#read('cpuacct', name, 'cpuacct.usage')
    if (usageText === '' && cpuText === '') return undefined
    const memoryBytes = Number(usageText)
    const inactive = keyedValue(stat, 'total_inactive_file') ?? 0
    const rssBytes = keyedValue(stat, 'total_rss')
    const pageFaults = keyedValue(stat, 'total_pgfault')
    const majorPageFaults = keyedValue(stat, 'total_pgmajfault')
    return {
      ...(cpuText !== '' && { cpuNanoseconds: Number(cpuText) }),
      ...(usageText !== '' && {
        memoryBytes,
        workingSetBytes: Math.max(memoryBytes - inactive, 0),
      }),
      ...(rssBytes !== undefined && { rssBytes }),
      ...(pageFaults !== undefined && { pageFaults }),
      ...(majorPageFaults !== undefined && { majorPageFaults }),
    }
  }

  remove(name: string): boolean {
    return this.#places(name).map(removeGroup).every(Boolean)
  }

  list(): readonly string[] {
    return [...new Set([...this.#dirs.values()].flatMap(allGroupNames))]
  }

  release(): void {
    for (const dir of this.#dirs.values()) removeFolder(dir)
  }

  // Joint mounts (cpu,cpuacct) name one directory twice.
  #places(name: string): readonly string[] {
    return [...new Set([...this.#dirs.values()].map((dir) => join(dir, name)))]
  }

  #read(controller: string, name: string, file: string): string {
    const dir = this.#dirs.get(controller)
    return dir === undefined ? '' : readOr(join(dir, name, file)).trim()
  }

  #settings(
    controller: string,
    { limits, dir }: { readonly limits: CgroupLimits; readonly dir: string },
  ): readonly (readonly [string, string])[] {
    const { cpuLimitMilli, cpuRequestMilli, memoryLimitBytes, maxProcesses } = limits
    if (controller === 'cpu') {
      return [
        ...(cpuLimitMilli === undefined
          ? []
          : [
              ['cpu.cfs_period_us', String(cpuPeriod)] as const,
              ['cpu.cfs_quota_us', String(cpuQuota(cpuLimitMilli))] as const,
            ]),
        ['cpu.shares', String(cpuShares(cpuRequestMilli ?? 0))],
      ]
    }
    if (controller === 'memory' && memoryLimitBytes !== undefined) {
      const value = String(memoryLimitBytes)
      // Memory plus swap is limited to the same, so that nothing is swapped; kernels without swap
      // accounting lack the file, which exists only once the group does.
      makeGroup(dir, [['memory.limit_in_bytes', value]])
      const swap = 'memory.memsw.limit_in_bytes'
      return readOr(join(dir, swap)) === '' ? [] : [[swap, value]]
    }
    return controller === 'pids' && maxProcesses !== undefined
      ? [['pids.max', String(maxProcesses)]]
      : []
  }
}

const unlimited = '-1'

/** Memory alone never exceeds memory plus swap: which of the two is written first depends on the way. */
function setMemory(dir: string, bytes: number | undefined): void {
  const value = bytes === undefined ? unlimited : String(bytes)
  const [memory, withSwap] = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
  const before = Number(readOr(join(dir, memory)))
  const isMore = bytes === undefined || bytes > before
  const files = readOr(join(dir, withSwap)) === '' ? [memory] : [memory, withSwap]
  makeGroup(
    dir,
    (isMore ? files.toReversed() : files).map((file) => [file, value] as const),
  )
}

function updatesOf(
  controller: string,
  { cpuLimitMilli, cpuRequestMilli, maxProcesses }: CgroupLimits,
): readonly (readonly [string, string])[] {
  if (controller === 'pids' && maxProcesses !== undefined) {
    return [['pids.max', String(maxProcesses)]]
  }
  if (controller !== 'cpu') return []
  const quota = cpuLimitMilli === undefined ? unlimited : String(cpuQuota(cpuLimitMilli))
  return [
    ['cpu.cfs_period_us', String(cpuPeriod)],
    ['cpu.cfs_quota_us', quota],
    ['cpu.shares', String(cpuShares(cpuRequestMilli ?? 0))],
  ]
}
