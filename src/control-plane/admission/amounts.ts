// SPDX-License-Identifier: Apache-2.0
// Lists of resources (cpu: 2, memory: 1Gi) as numbers that can be added and compared.
import type { Quantity } from '../../util/quantity.ts'
import { add, compare, format, parseQuantity, subtract, zero } from '../../util/quantity.ts'

/** Amounts by resource name. */
export type Amounts = ReadonlyMap<string, Quantity>

/** A resource list of the API. Its quantities have been validated. */
export type ResourceList = Readonly<Record<string, string | number>>

export const noAmounts: Amounts = new Map()

export function amountsOf(list: ResourceList = {}): Amounts {
  return new Map(Object.entries(list).map(([name, text]) => [name, parseQuantity(String(text))]))
}

export function resourceListOf(amounts: Amounts): Readonly<Record<string, string>> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, format(amount)]))
}

export function sum(one: Amounts, other: Amounts): Amounts {
  const result = new Map(one)
  for (const [name, amount] of other) result.set(name, add(result.get(name) ?? zero, amount))
  return result
}

export function largest(one: Amounts, other: Amounts): Amounts {
  const result = new Map(one)
  for (const [name, amount] of other) {
    const known = result.get(name)
    if (!known || compare(amount, known) > 0) result.set(name, amount)
  }
  return result
}

/** What `one` has more than `other`, and only that. */
export function increase(one: Amounts, other: Amounts): Amounts {
  const result = new Map<string, Quantity>()
  for (const [name, amount] of one) {
    const more = subtract(amount, other.get(name) ?? zero)
    if (more.nanos > 0n) result.set(name, more)
  }
  return result
}

export function only(amounts: Amounts, names: readonly string[]): Amounts {
  return new Map([...amounts].filter(([name]) => names.includes(name)))
}

/** `cpu=1,memory=2Gi`, as messages show it. */
export function describeAmounts(amounts: Amounts): string {
  return [...amounts]
    .map(([name, amount]) => `${name}=${format(amount)}`)
    .sort()
    .join(',')
}
