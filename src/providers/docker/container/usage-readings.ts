// SPDX-License-Identifier: Apache-2.0
// Asks the engine how much containers use. Podman tells of all in one answer. Docker has a request for each,
// which takes up to a second because it waits for its next round of readings, so they wait for the same
// round, side by side. docs/decisions/0012 has the figures, and why streams are not kept open.
import type { CallOptions } from '../engine/engine-client.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { inBatches } from '../in-batches.ts'
import type { NetworkReading, Reading } from './engine-reading.ts'

/** Requests at the same time; each is a connection. */
const maxRequests = 128
const timeoutMs = 10_000
/** The oldest version of Podman's own API that has it. */
const podmanVersion = '4.0.0'

/** Of Podman's own API. Version 4 has no `Network`, and takes what goes in for what goes out. */
interface PodmanUsage {
  readonly ContainerID: string
  readonly CPUNano?: number
  readonly MemUsage?: number
  readonly MemLimit?: number
  readonly PIDs?: number
  readonly Network?: Readonly<Record<string, PodmanNetwork>> | null
}

type PodmanNetwork = Readonly<Record<'RxBytes' | 'RxErrors' | 'TxBytes' | 'TxErrors', number>>

/** Readings by the engine's ids; what cannot be read is left out. */
export async function readUsage(
  engine: Pick<Engine, 'client' | 'kind'>,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Reading>> {
  if (ids.length === 0) return new Map()
  const options = { signal, timeoutMs }
  return engine.kind === 'podman'
    ? await allOfPodman(engine, options)
    : await eachOfDocker(engine, ids, options)
}

async function allOfPodman(
  { client }: Pick<Engine, 'client'>,
  options: CallOptions,
): Promise<ReadonlyMap<string, Reading>> {
  const path = '/libpod/containers/stats'
  const request = { path, query: { stream: false }, version: podmanVersion }
  const answer = await client
    .json<{ readonly Stats?: readonly PodmanUsage[] | null }>(request, options)
    .catch(() => {
      options.signal.throwIfAborted()
      return undefined
    })
  return new Map((answer?.Stats ?? []).map((usage) => [usage.ContainerID, readingOf(usage)]))
}

function readingOf({ CPUNano, MemUsage, MemLimit, PIDs, Network }: PodmanUsage): Reading {
  return {
    ...(CPUNano !== undefined && { cpu_stats: { cpu_usage: { total_usage: CPUNano } } }),
    memory_stats: {
      ...(MemUsage !== undefined && { usage: MemUsage }),
      ...(MemLimit !== undefined && { limit: MemLimit }),
    },
    ...(PIDs !== undefined && { pids_stats: { current: PIDs } }),
    ...(Network && {
      networks: Object.fromEntries(
        Object.entries(Network).map(([name, figures]) => [name, networkReading(figures)]),
      ),
    }),
  }
}

function networkReading({ RxBytes, RxErrors, TxBytes, TxErrors }: PodmanNetwork): NetworkReading {
  return { rx_bytes: RxBytes, rx_errors: RxErrors, tx_bytes: TxBytes, tx_errors: TxErrors }
}

async function eachOfDocker(
  { client }: Pick<Engine, 'client'>,
  ids: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, Reading>> {
  const readings = new Map<string, Reading>()
  await inBatches(ids, maxRequests, async (id) => {
    const query = { stream: 0, 'one-shot': 1 }
    const request = { path: `/containers/${id}/stats`, query }
    const reading = await client.json<Reading>(request, options).catch(() => {
      // It ends just now, or the engine is away.
      options.signal.throwIfAborted()
      return undefined
    })
    if (reading) readings.set(id, reading)
  })
  return readings
}
