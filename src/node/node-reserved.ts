// SPDX-License-Identifier: Apache-2.0
// What a node keeps back of its capacity: for its machine, for itself, and what must be left before pods are
// evicted. Pods are admitted against the rest. Pure.
import { thresholdAmount, thresholdsOf, type Signal } from '../runtime/eviction/thresholds.ts'
import {
  add,
  format,
  parseQuantity,
  subtract,
  wholeUnits,
  zero,
  type Quantity,
} from '../util/quantity.ts'

export interface Reserved {
  /** Amounts by resource; they add up. */
  readonly amounts: readonly Readonly<Record<string, string>>[]
  /** By signal, when pods are evicted. */
  readonly thresholds: Readonly<Record<string, string>>
}

type Resources = Readonly<Record<string, string>>

const resourceOf: Readonly<Partial<Record<Signal, string>>> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
}

/** What is left for pods; never less than nothing. */
export function withoutReserved(
  allocatable: Resources,
  { capacity, reserved }: { readonly capacity: Resources; readonly reserved: Reserved },
): Resources {
  const kept = [...reserved.amounts, keptFree(capacity, reserved.thresholds)]
  return Object.fromEntries(
    Object.entries(allocatable).map(([name, text]) => {
      const amounts = kept.flatMap((amount) => amount[name] ?? [])
      if (amounts.length === 0) return [name, text]
      const sum = amounts.map((amount) => parseQuantity(amount)).reduce(add, zero)
      return [name, format(atLeastZero(subtract(parseQuantity(text), sum)))]
    }),
  )
}

/** Amounts that must stay free, so that the node is not under pressure. */
function keptFree(capacity: Resources, thresholds: Resources): Resources {
  return Object.fromEntries(
    thresholdsOf(thresholds).flatMap((threshold) => {
      const name = resourceOf[threshold.signal]
      const whole = name === undefined ? undefined : capacity[name]
      if (name === undefined || whole === undefined) return []
      const bytes = Number(wholeUnits(parseQuantity(whole)))
      return [[name, String(thresholdAmount(threshold, bytes))]]
    }),
  )
}

function atLeastZero(amount: Quantity): Quantity {
  return amount.nanos < 0n ? { ...amount, nanos: 0n } : amount
}
