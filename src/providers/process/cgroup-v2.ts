// SPDX-License-Identifier: Apache-2.0
// Control groups of version 2: one hierarchy, controllers handed down from parent to child.
import { existsSync, writeFileSync } from 'node:fs'
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

/** Groups below `<mount><folder>`; `folder` starts with a slash. */
export class CgroupsV2 implements Cgroups {
  readonly #mount: string
  readonly #folder: string

  constructor(mount: string, folder: string) {
    this.#mount = mount
    this.#folder = folder
  }

  get can(): { readonly limitCpu: boolean; readonly limitMemory: boolean } {
    const handed = this.#handedDown(join(this.#mount, this.#folder))
    return { limitCpu: handed.includes('cpu'), limitMemory: handed.includes('memory') }
  }

  /** Each directory on the way must pass the controllers on to its children. */
  prepare(): void {
    makeGroup(join(this.#mount, this.#folder), [])
    const parts = this.#folder.split('/').filter(Boolean)
    for (let depth = 0; depth <= parts.length; depth += 1) {
      this.#handDownAll(join(this.#mount, ...parts.slice(0, depth)))
    }
  }

  #handDownAll(dir: string): void {
    for (const controller of ['cpu', 'memory', 'pids']) this.#handDown(dir, controller)
  }

  create(name: string, limits: CgroupLimits): readonly string[] {
    const dir = this.#dir(name)
    if (!existsSync(join(dir, '..'))) this.prepare()
    if (name.includes('/')) this.#handDownAll(join(dir, '..'))
    makeGroup(dir, [])
    for (const [file, value] of settingsOf(limits)) {
      // A controller that was not handed down has no files; its limit was not promised either.
      if (existsSync(join(dir, file))) writeFileSync(join(dir, file), value)
    }
    return this.joinFiles(name)
  }

  update(name: string, limits: CgroupLimits): boolean {
    const dir = this.#dir(name)
    if (!existsSync(dir)) return false
    const none = { cpuLimitMilli: 'max', memoryLimitBytes: 'max' } as const
    for (const [file, value] of settingsOf(limits, none)) {
      if (existsSync(join(dir, file))) writeFileSync(join(dir, file), value)
    }
    return true
  }

  joinFiles(name: string): readonly string[] {
    const dir = this.#dir(name)
    return existsSync(dir) ? [join(dir, 'cgroup.procs')] : []
  }

  killFile(name: string): string | undefined {
    const file = join(this.#dir(name), 'cgroup.kill')
    return existsSync(file) ? file : undefined
  }

  members(name: string): readonly number[] {
    return membersOf(this.#dir(name))
  }

  oomKills(name: string): number {
    return keyedValue(readOr(join(this.#dir(name), 'memory.events')), 'oom_kill') ?? 0
  }

  usage(name: string): CgroupUsage | undefined {
    const read = (file: string): string => readOr(join(this.#dir(name), file)).trim()
    const [cpu, stat, current] = [read('cpu.stat'), read('memory.stat'), read('memory.current')]
    const cpuMicroseconds = keyedValue(cpu, 'usage_usec')
    if (cpuMicroseconds === undefined && current === '') return undefined
    const memoryBytes = Number(current)
    const rssBytes = keyedValue(stat, 'anon')
    const pageFaults = keyedValue(stat, 'pgfault')
    const majorPageFaults = keyedValue(stat, 'pgmajfault')
    const inactive = keyedValue(stat, 'inactive_file') ?? 0
    return {
      ...(cpuMicroseconds !== undefined && { cpuNanoseconds: cpuMicroseconds * 1000 }),
      ...(current !== '' && { memoryBytes, workingSetBytes: Math.max(memoryBytes - inactive, 0) }),
      ...(rssBytes !== undefined && { rssBytes }),
      ...(pageFaults !== undefined && { pageFaults }),
      ...(majorPageFaults !== undefined && { majorPageFaults }),
    }
  }

  remove(name: string): boolean {
    return removeGroup(this.#dir(name))
  }

  list(): readonly string[] {
    return allGroupNames(join(this.#mount, this.#folder))
  }

  release(): void {
    removeFolder(join(this.#mount, this.#folder))
  }

  #dir(name: string): string {
    return join(this.#mount, this.#folder, name)
  }

  #handDown(dir: string, controller: string): void {
    if (this.#handedDown(dir).includes(controller)) return
    try {
      writeFileSync(join(dir, 'cgroup.subtree_control'), `+${controller}`)
    } catch {
      // Not ours to hand down, or the group has processes of its own: `can` then says no.
    }
  }

  #handedDown(dir: string): readonly string[] {
    return readOr(join(dir, 'cgroup.subtree_control')).trim().split(' ')
  }
}

/** `unlimited`: what is to be written for a limit that there is none of; left out, nothing is. */
function settingsOf(
  limits: CgroupLimits,
  unlimited?: { readonly cpuLimitMilli: string; readonly memoryLimitBytes: string },
): readonly (readonly [string, string])[] {
  const { cpuLimitMilli, cpuRequestMilli, memoryLimitBytes, maxProcesses } = limits
  const shares = cpuShares(cpuRequestMilli ?? 0)
  const quota = cpuQuota(cpuLimitMilli ?? 0)
  const settings: (readonly [string, string])[] = [
    ['cpu.weight', String(Math.floor(1 + ((shares - 2) * 9999) / 262_142))],
  ]
  if (cpuLimitMilli !== undefined) settings.push(['cpu.max', `${quota} ${cpuPeriod}`])
  else if (unlimited) settings.push(['cpu.max', `${unlimited.cpuLimitMilli} ${cpuPeriod}`])
  if (memoryLimitBytes !== undefined) {
    settings.push(['memory.max', String(memoryLimitBytes)])
    settings.push(['memory.swap.max', '0'], ['memory.oom.group', '1'])
  } else if (unlimited) settings.push(['memory.max', unlimited.memoryLimitBytes])
  if (maxProcesses !== undefined) settings.push(['pids.max', String(maxProcesses)])
  return settings
}
