// SPDX-License-Identifier: Apache-2.0
// What an engine's answer about the usage of a container says in the kubelet's words. Control groups of both
// versions are named differently. Pure.
import type { MemoryStats, NetworkStats } from '../../../provider/stats.ts'

/** Engines say so of a container without a limit. */
const unlimited = 2 ** 60

/** What of an engine's answer is used. */
export interface Reading {
  readonly read?: string
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } }
  readonly memory_stats?: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>> | null
  }
  readonly pids_stats?: { readonly current?: number }
  readonly networks?: Readonly<Record<string, NetworkReading>> | null
}

/** One device. */
export interface NetworkReading {
  readonly rx_bytes?: number
  readonly rx_errors?: number
  readonly tx_bytes?: number
  readonly tx_errors?: number
}

/** Undefined where the engine counts no memory. */
export function memoryOf(
  { memory_stats }: Pick<Reading, 'memory_stats'>,
  time: string,
): MemoryStats | undefined {
  const usageBytes = memory_stats?.usage
  if (usageBytes === undefined || usageBytes === 0) return undefined
  const figure = (...names: readonly string[]): number | undefined =>
    names.map((name) => memory_stats?.stats?.[name]).find((value) => value !== undefined)
  const inactive = figure('total_inactive_file', 'inactive_file') ?? 0
  const workingSetBytes = Math.max(0, usageBytes - inactive)
  const rssBytes = figure('total_rss', 'anon')
  const pageFaults = figure('total_pgfault', 'pgfault')
  const majorPageFaults = figure('total_pgmajfault', 'pgmajfault')
  const limit = memory_stats?.limit ?? unlimited
  return {
    time,
    usageBytes,
    workingSetBytes,
    ...(limit < unlimited && { availableBytes: Math.max(0, limit - workingSetBytes) }),
    ...(rssBytes !== undefined && { rssBytes }),
    ...(pageFaults !== undefined && { pageFaults }),
    ...(majorPageFaults !== undefined && { majorPageFaults }),
  }
}

/** Of the first network of a sandbox; undefined where it has none. */
export function networkOf(
  networks: Readonly<Record<string, NetworkReading>>,
  time: string,
): NetworkStats | undefined {
  const [first] = Object.entries(networks)
  if (first === undefined) return undefined
  const [name, { rx_bytes, rx_errors, tx_bytes, tx_errors }] = first
  return {
    time,
    name,
    ...(rx_bytes !== undefined && { rxBytes: rx_bytes }),
    ...(rx_errors !== undefined && { rxErrors: rx_errors }),
    ...(tx_bytes !== undefined && { txBytes: tx_bytes }),
    ...(tx_errors !== undefined && { txErrors: tx_errors }),
  }
}
