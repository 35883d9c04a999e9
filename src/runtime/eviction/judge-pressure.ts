// SPDX-License-Identifier: Apache-2.0
// Is a node short of something, by what was measured and by what its settings call short? Pure. A node that
// was under pressure says so for a while longer, so that pods do not come and go with every swing.
import { thresholdAmount, type Signal, type Threshold } from './thresholds.ts'

export interface Reading {
  readonly available: number
  readonly capacity: number
}

export type Readings = ReadonlyMap<Signal, Reading>

export const pressureTypes = ['MemoryPressure', 'DiskPressure'] as const

export type PressureType = (typeof pressureTypes)[number]

/** When each kind of pressure was last seen, milliseconds since the epoch. */
export type PressureTimes = ReadonlyMap<PressureType, number>

/** A threshold that is crossed: pods are evicted for it. */
export interface Shortage {
  readonly signal: Signal
  readonly resource: StarvedResource
  readonly threshold: number
  readonly available: number
}

export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes'

export interface PressureInput {
  readonly thresholds: readonly Threshold[]
  /** What could be measured; a threshold on anything else is not crossed. */
  readonly readings: Readings
  readonly seen: PressureTimes
  /** How long pressure is reported after it was last seen. */
  readonly transitionMs: number
  readonly nowMs: number
}

export interface PressureVerdict {
  readonly seen: PressureTimes
  /** What the node reports. */
  readonly pressures: readonly PressureType[]
  /** What pods are evicted for now: memory before anything else. */
  readonly shortage?: Shortage
}

const resources: Readonly<Record<Signal, StarvedResource>> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
}

/** The node's pressures and the shortage to act on. */
export function judgePressure(input: PressureInput): PressureVerdict {
  const { thresholds, readings, seen, transitionMs, nowMs } = input
  const shortages = thresholds.flatMap((threshold) => shortageOf(threshold, readings))
  const now = new Set(shortages.map(({ resource }) => pressureOf(resource)))
  const times = new Map(seen)
  for (const type of now) times.set(type, nowMs)
  const pressures = pressureTypes.filter((type) => {
    const seenMs = times.get(type)
    return now.has(type) || (seenMs !== undefined && nowMs - seenMs < transitionMs)
  })
  const shortage = shortages.find(({ resource }) => resource === 'memory') ?? shortages[0]
  return { seen: times, pressures, ...(shortage && { shortage }) }
}

function shortageOf(threshold: Threshold, readings: Readings): readonly Shortage[] {
  const { signal } = threshold
  const reading = readings.get(signal)
  if (!reading) return []
  const amount = thresholdAmount(threshold, reading.capacity)
  if (reading.available >= amount) return []
  const { available } = reading
  return [{ signal, resource: resources[signal], threshold: amount, available }]
}

function pressureOf(resource: StarvedResource): PressureType {
  return resource === 'memory' ? 'MemoryPressure' : 'DiskPressure'
}
