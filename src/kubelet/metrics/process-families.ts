// SPDX-License-Identifier: Apache-2.0
// What every Prometheus client tells of its process, read when somebody asks. What this system does not
// tell is left out.
import { readdir, readFile } from 'node:fs/promises'
import type { MetricFamily } from './metric-text.ts'

const pageBytes = 4096

/** Seconds since the epoch at which this process began. */
export const processStartSeconds: number = Math.round(performance.timeOrigin / 10) / 100

/** `process_start_time_seconds` alone. */
export function processStartFamily(): MetricFamily {
  const help = 'Start time of the process since unix epoch in seconds.'
  return gauge('process_start_time_seconds', help, processStartSeconds)
}

/** The families `process_*`. */
export async function processFamilies(): Promise<readonly MetricFamily[]> {
  const { user, system } = process.cpuUsage()
  const [limits, statm, openFiles] = await Promise.all([
    textOf('/proc/self/limits'),
    textOf('/proc/self/statm'),
    countOf('/proc/self/fd'),
  ])
  const maxFiles = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
  const virtualBytes = Number.parseInt(statm, 10) * pageBytes
  const cpu = 'Total user and system CPU time spent in seconds.'
  return [
    { ...gauge('process_cpu_seconds_total', cpu, (user + system) / 1e6), type: 'counter' as const },
    gauge(
      'process_resident_memory_bytes',
      'Resident memory size in bytes.',
      process.memoryUsage.rss(),
    ),
    gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', virtualBytes),
    gauge('process_open_fds', 'Number of open file descriptors.', openFiles),
    gauge('process_max_fds', 'Maximum number of open file descriptors.', maxFiles),
    processStartFamily(),
  ].filter(({ samples }) => samples.every(({ value }) => Number.isFinite(value)))
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, type: 'gauge', help, samples: [{ value }] }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    // Not on this system.
    return ''
  }
}

async function countOf(folder: string): Promise<number> {
  try {
    return (await readdir(folder)).length
  } catch {
    // Not on this system.
    return Number.NaN
  }
}
