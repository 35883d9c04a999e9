// SPDX-License-Identifier: Apache-2.0
// Amounts of resources as numbers that can be added up and compared at the rate of a scheduler. Whole
// millicores and bytes fit a double exactly up to 9 PB.
import { milliUnits, parseQuantity, wholeUnits } from '../../../util/quantity.ts'

/** How much of everything. Mutable: the sums of a node are kept by adding and taking away. */
export interface ResourceAmounts {
  milliCpu: number
  memoryBytes: number
  ephemeralStorageBytes: number
  /** Extended resources, huge pages and the like, in whole units. */
  readonly scalars: Map<string, number>
}

/** Amounts as the API writes them: `{ cpu: '250m' }`. */
export type ResourceTexts = Readonly<Record<string, string>> | undefined

// The same few quantities are written in thousands of pods, and reading one takes a microsecond.
const maxRemembered = 4096
const remembered = new Map<string, number>()

/** Nothing of anything. */
export function noAmounts(): ResourceAmounts {
  return { milliCpu: 0, memoryBytes: 0, ephemeralStorageBytes: 0, scalars: new Map() }
}

/** Reads the amounts of a list of resources; `pods` and what cannot be read are left out. */
export function amountsOf(texts: ResourceTexts): ResourceAmounts {
  const amounts = noAmounts()
  for (const [name, text] of Object.entries(texts ?? {})) {
    if (name !== 'pods') addOne(amounts, name, amountOf(name, text))
  }
  return amounts
}

/** One quantity as a number: thousandths for `cpu`, whole units for all else, rounded up. */
export function amountOf(name: string, text: string): number {
  const key = name === 'cpu' ? `m${text}` : text
  const known = remembered.get(key)
  if (known !== undefined) return known
  const amount = readAmount(name, text)
  if (remembered.size >= maxRemembered) remembered.clear()
  remembered.set(key, amount)
  return amount
}

/** Adds `more`, `times` times (-1 takes it away), to `sum`. */
export function addAmounts(sum: ResourceAmounts, more: ResourceAmounts, times = 1): void {
  sum.milliCpu += more.milliCpu * times
  sum.memoryBytes += more.memoryBytes * times
  sum.ephemeralStorageBytes += more.ephemeralStorageBytes * times
  for (const [name, amount] of more.scalars) addOne(sum, name, amount * times)
}

/** Raises `amounts` to at least `floor`, resource by resource. */
export function raiseAmounts(amounts: ResourceAmounts, floor: ResourceAmounts): void {
  amounts.milliCpu = Math.max(amounts.milliCpu, floor.milliCpu)
  amounts.memoryBytes = Math.max(amounts.memoryBytes, floor.memoryBytes)
  amounts.ephemeralStorageBytes = Math.max(
    amounts.ephemeralStorageBytes,
    floor.ephemeralStorageBytes,
  )
  for (const [name, amount] of floor.scalars) {
    amounts.scalars.set(name, Math.max(amounts.scalars.get(name) ?? 0, amount))
  }
}

function addOne(amounts: ResourceAmounts, name: string, amount: number): void {
  if (name === 'cpu') amounts.milliCpu += amount
  else if (name === 'memory') amounts.memoryBytes += amount
  else if (name === 'ephemeral-storage') amounts.ephemeralStorageBytes += amount
  else amounts.scalars.set(name, (amounts.scalars.get(name) ?? 0) + amount)
}

function readAmount(name: string, text: string): number {
  try {
    const quantity = parseQuantity(text)
    return Number(name === 'cpu' ? milliUnits(quantity) : wholeUnits(quantity))
  } catch {
    // Validation lets no such text into the API; an object from before it must not stop scheduling.
    return 0
  }
}
