// SPDX-License-Identifier: Apache-2.0
// Usage of the machine that we run on, for nodes whose backend tells nothing of its own. From /proc
// where there is one, else what node:os knows; what cannot be read is left out.
import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { readFsStats } from '../../provider/fs-stats.ts'
import type {
  CpuStats,
  FsStats,
  MemoryStats,
  NetworkStats,
  NodeStats,
} from '../../provider/stats.ts'
import type { Clock } from '../../util/clock.ts'

export interface HostStatsOptions {
  readonly clock: Clock
  /** The file system whose room the node reports. */
  readonly rootDir: string
  /** Default /proc. */
  readonly procDir?: string
}

interface CpuSample {
  readonly atMs: number
  readonly usedNs: number
  readonly usageNanoCores?: number
}

/** Shorter intervals than this tell nothing: the kernel counts CPU time in steps of 10 ms. */
const minIntervalMs = 1000

/** Measures this machine; keeps the last CPU sample, of which usage per second is made. */
export class HostStats {
  readonly #options: HostStatsOptions
  #lastCpu: CpuSample | undefined

  constructor(options: HostStatsOptions) {
    this.#options = options
  }

  async read(): Promise<NodeStats> {
    const nowMs = this.#options.clock.nowMs()
    const time = new Date(nowMs).toISOString()
    const [memory, fs, network, rlimit] = await Promise.all([
      this.#memory(time),
      this.#fs(time),
      this.#network(time),
      this.#rlimit(time),
    ])
    return {
      startTime: new Date(Math.trunc((nowMs - os.uptime() * 1000) / 1000) * 1000).toISOString(),
      cpu: this.#cpu(time),
      memory,
      ...(fs && { fs }),
      ...(network && { network }),
      ...(rlimit && { rlimit }),
    }
  }

  #cpu(time: string): CpuStats {
    const atMs = this.#options.clock.monotonicMs()
    let usedMs = 0
    for (const { times } of os.cpus()) usedMs += times.user + times.nice + times.sys + times.irq
    const usedNs = usedMs * 1e6
    const last = this.#lastCpu
    let usageNanoCores = last?.usageNanoCores
    if (!last) this.#lastCpu = { atMs, usedNs }
    else if (atMs - last.atMs >= minIntervalMs) {
      usageNanoCores = Math.max(0, Math.round((usedNs - last.usedNs) / ((atMs - last.atMs) / 1000)))
      this.#lastCpu = { atMs, usedNs, usageNanoCores }
    }
    return {
      time,
      usageCoreNanoSeconds: usedNs,
      ...(usageNanoCores !== undefined && { usageNanoCores }),
    }
  }

  /** The working set leaves out the file cache that the kernel would give back first. */
  async #memory(time: string): Promise<MemoryStats> {
    const info = numbersByName(await this.#proc('meminfo'), /^(\S+):\s+(\d+) kB/gm)
    const faults = numbersByName(await this.#proc('vmstat'), /^(pgfault|pgmajfault) (\d+)/gm)
    const totalBytes = os.totalmem()
    const usageBytes = totalBytes - os.freemem()
    const freeKb = info.get('MemFree')
    const used = freeKb === undefined ? usageBytes : totalBytes - freeKb * 1024
    const workingSetBytes = Math.max(0, used - (info.get('Inactive(file)') ?? 0) * 1024)
    const rss = info.get('AnonPages')
    const pageFaults = faults.get('pgfault')
    const majorPageFaults = faults.get('pgmajfault')
    return {
      time,
      availableBytes: totalBytes - workingSetBytes,
      usageBytes: used,
      workingSetBytes,
      ...(rss !== undefined && { rssBytes: rss * 1024 }),
      ...(pageFaults !== undefined && { pageFaults }),
      ...(majorPageFaults !== undefined && { majorPageFaults }),
    }
  }

  async #fs(time: string): Promise<FsStats | undefined> {
    try {
      return await readFsStats(this.#options.rootDir, time)
    } catch {
      // Left out, as everything that cannot be measured.
      return undefined
    }
  }

  /** Of the interface that the default route leads through. */
  async #network(time: string): Promise<NetworkStats | undefined> {
    const name = /^(\S+)\t00000000\t/m.exec(await this.#proc('net/route'))?.[1]
    if (name === undefined) return undefined
    for (const line of (await this.#proc('net/dev')).split('\n')) {
      const [label, figures = ''] = line.split(':', 2)
      if (label?.trim() !== name) continue
      const [rxBytes, , rxErrors, , , , , , txBytes, , txErrors] = figures
        .trim()
        .split(/\s+/)
        .map(Number)
      if (rxBytes === undefined || rxErrors === undefined) return undefined
      if (txBytes === undefined || txErrors === undefined) return undefined
      return { time, name, rxBytes, rxErrors, txBytes, txErrors }
    }
    return undefined
  }

  async #rlimit(time: string): Promise<NodeStats['rlimit']> {
    const maxpid = Number.parseInt(await this.#proc('sys/kernel/pid_max'), 10)
    const curproc = Number(/\/(\d+) /.exec(await this.#proc('loadavg'))?.[1])
    return maxpid > 0 && curproc > 0 ? { time, maxpid, curproc } : undefined
  }

  async #proc(name: string): Promise<string> {
    try {
      return await readFile(`${this.#options.procDir ?? '/proc'}/${name}`, 'utf8')
    } catch {
      // No such file on this system: the figures made of it are left out.
      return ''
    }
  }
}

function numbersByName(text: string, pattern: RegExp): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  for (const [, name, value] of text.matchAll(pattern)) {
    if (name !== undefined) numbers.set(name, Number(value))
  }
  return numbers
}
