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

/** Since when each threshold has been crossed without a break, milliseconds since the epoch. */
export type CrossingTimes = ReadonlyMap<Threshold, number>

/** A threshold that is crossed: pods are evicted for it. */
export interface Shortage {
  readonly signal: Signal
  readonly resource: StarvedResource
  readonly threshold: number
  readonly available: number
  /** A pod that has to go for it may take the time that it asks for, within limits. */
  readonly isSoft: boolean
}

export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes'

export interface PressureInput {
  readonly thresholds: readonly Threshold[]
  /** What could be measured; a threshold on anything else is not crossed. */
  readonly readings: Readings
  readonly seen: PressureTimes
  readonly crossed: CrossingTimes
  /** How long pressure is reported after it was last seen. */
  readonly transitionMs: number
  readonly nowMs: number
}

export interface PressureVerdict {
  readonly seen: PressureTimes
  readonly crossed: CrossingTimes
  /** What the node reports. */
  readonly pressures: readonly PressureType[]
  /** What pods are evicted for now: what cannot wait before what can, and memory before anything else. */
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
  const crossings = thresholds.flatMap((threshold): readonly Crossing[] => {
    const shortage = shortageOf(threshold, readings)
    if (!shortage) return []
    return [{ threshold, shortage, sinceMs: input.crossed.get(threshold) ?? nowMs }]
  })
  const now = new Set(crossings.map(({ shortage: { resource } }) => pressureOf(resource)))
  const times = new Map(seen)
  for (const type of now) times.set(type, nowMs)
  const pressures = pressureTypes.filter((type) => {
    const seenMs = times.get(type)
    return now.has(type) || (seenMs !== undefined && nowMs - seenMs < transitionMs)
  })
  const shortages = crossings
    .filter(({ threshold: { patienceMs = 0 }, sinceMs }) => nowMs - sinceMs >= patienceMs)
    .map((crossing) => crossing.shortage)
  const [shortage] = shortages.toSorted((one, other) => urgency(other) - urgency(one))
  const crossed = new Map(crossings.map(({ threshold, sinceMs }) => [threshold, sinceMs]))
  return { seen: times, crossed, pressures, ...(shortage && { shortage }) }
}

interface Crossing {
  readonly threshold: Threshold
  readonly shortage: Shortage
  readonly sinceMs: number
}

function shortageOf(threshold: Threshold, readings: Readings): Shortage | undefined {
  const { signal } = threshold
  const reading = readings.get(signal)
  if (!reading) return undefined
  const amount = thresholdAmount(threshold, reading.capacity)
  if (reading.available >= amount) return undefined
  const { available } = reading
  const isSoft = threshold.patienceMs !== undefined
  return { signal, resource: resources[signal], threshold: amount, available, isSoft }
}

function urgency({ isSoft, resource }: Shortage): number {
  return (isSoft ? 0 : 2) + (resource === 'memory' ? 1 : 0)
}

function pressureOf(resource: StarvedResource): PressureType {
  return resource === 'memory' ? 'MemoryPressure' : 'DiskPressure'
}
