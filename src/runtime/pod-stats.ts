// SPDX-License-Identifier: Apache-2.0
// Usage of a pod as the sum of its containers'. A figure that one of them lacks is left out, and so are all
// when one of them is not known.
import type { PodRef } from '../provider/provider.ts'
import type { ContainerStats, CpuStats, MemoryStats, PodStats } from '../provider/stats.ts'

const cpuFigures = ['usageNanoCores', 'usageCoreNanoSeconds'] as const
const memoryFigures = [
  'usageBytes',
  'workingSetBytes',
  'rssBytes',
  'pageFaults',
  'majorPageFaults',
] as const

/** What a pod's stats are made from. */
export interface PodUsage {
  readonly startTime: string
  /** Of containers that run. */
  readonly containers: readonly ContainerStats[]
  /** Every running container is among them. */
  readonly isComplete: boolean
}

/** The stats of one pod. */
export function podStatsOf(
  { name, namespace, uid }: PodRef,
  { startTime, containers, isComplete }: PodUsage,
): PodStats {
  const cpu = sum(
    containers.map((container) => container.cpu),
    cpuFigures,
  )
  const memory = sum(
    containers.map((container) => container.memory),
    memoryFigures,
  )
  return {
    podRef: { name, namespace, uid },
    startTime,
    containers,
    ...(isComplete && cpu && { cpu: cpu as CpuStats }),
    ...(isComplete && memory && { memory: memory as MemoryStats }),
  }
}

type Block = { readonly time: string } | undefined

function sum(blocks: readonly Block[], figures: readonly string[]): object | undefined {
  const known = blocks.filter((block) => block !== undefined)
  if (known.length === 0 || known.length < blocks.length) return undefined
  const time = known.reduce((latest, block) => (block.time > latest ? block.time : latest), '')
  const totals = figures.flatMap((figure) => {
    const amounts = known.map((block) => (block as Record<string, unknown>)[figure])
    if (!amounts.every((amount) => typeof amount === 'number')) return []
    return [[figure, amounts.reduce((total, amount) => total + amount, 0)]]
  })
  return { time, ...Object.fromEntries(totals) }
}
