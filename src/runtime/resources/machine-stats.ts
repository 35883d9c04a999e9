// SPDX-License-Identifier: Apache-2.0
// Usage of this machine, for runtimes whose containers run on it: /proc on Linux, what Node.js knows elsewhere.
import { readFile } from 'node:fs/promises'
import { cpus, freemem, totalmem, uptime } from 'node:os'
import { readFsStats } from '../../provider/fs-stats.ts'
import type { MemoryStats, NetworkStats, NodeStats } from '../../provider/stats.ts'
import type { Clock } from '../../util/clock.ts'

/** Figures of the host, and of the file system that holds `dir`. */
export async function readMachineStats(dir: string, clock: Clock): Promise<NodeStats> {
  const time = new Date(clock.nowMs()).toISOString()
  const [fs, memory, network, rlimit] = await Promise.all([
    readFsStats(dir, time),
    readMemory(time),
    readNetwork(time),
    readLimits(time),
  ])
  return {
    startTime: new Date(clock.nowMs() - uptime() * 1000).toISOString(),
    cpu: { time, usageCoreNanoSeconds: busyNanoseconds() },
    memory,
    fs,
    ...(network && { network }),
    ...(rlimit && { rlimit }),
  }
}

function busyNanoseconds(): number {
  const busyMs = cpus().reduce(
    (sum, { times }) => sum + times.user + times.nice + times.sys + times.irq,
    0,
  )
  return busyMs * 1e6
}

async function readMemory(time: string): Promise<MemoryStats> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024
  const availableBytes = text === '' ? freemem() : bytes('MemAvailable')
  return {
    time,
    availableBytes,
    usageBytes: totalmem() - freemem(),
    workingSetBytes: totalmem() - availableBytes,
    ...(text !== '' && { rssBytes: bytes('AnonPages') }),
  }
}

async function readNetwork(time: string): Promise<NetworkStats | undefined> {
  const text = await readFile('/proc/net/route', 'utf8').catch(() => '')
  const name = text
    .split('\n')
    .map((line) => line.split('\t'))
    .find(([, destination]) => destination === '00000000')?.[0]
  if (name === undefined) return undefined
  const table = await readFile('/proc/net/dev', 'utf8').catch(() => '')
  const line = table.split('\n').find((row) => row.trim().startsWith(`${name}:`))
  const figures = line?.split(':')[1]?.trim().split(/\s+/).map(Number)
  if (figures === undefined) return undefined
  const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] = figures
  return { time, name, rxBytes, rxErrors, txBytes, txErrors }
}

async function readLimits(time: string): Promise<NodeStats['rlimit']> {
  const [max, load] = await Promise.all([
    readFile('/proc/sys/kernel/pid_max', 'utf8').catch(() => ''),
    readFile('/proc/loadavg', 'utf8').catch(() => ''),
  ])
  const current = /\d+\/(\d+)/.exec(load)?.[1]
  if (max === '' || current === undefined) return undefined
  return { time, maxpid: Number(max), curproc: Number(current) }
}
