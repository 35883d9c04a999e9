// SPDX-License-Identifier: Apache-2.0
// What a pod asks for or may use at most, exactly and in the notation of its author, as quotas charge it.
import type { Container, Pod } from '../../../kube/types.gen.ts'
import { add, compare, parseQuantity } from '../../../util/quantity.ts'
import type { Quantity } from '../../../util/quantity.ts'

/** Amounts by resource name. */
export type Sums = Map<string, Quantity>

/** The pod's requests or limits, with init containers, sidecars, pod-level resources and overhead. */
export function podSums({ spec }: Pod, what: 'requests' | 'limits'): Sums {
  const { containers, initContainers = [], resources, overhead } = spec
  const amountsOf = (container: Container): Sums => read(container.resources?.[what])
  const sums: Sums = new Map()
  for (const container of containers) addAll(sums, amountsOf(container))
  const peak: Sums = new Map()
  const sidecars: Sums = new Map()
  for (const container of initContainers) {
    const amounts = amountsOf(container)
    if (container.restartPolicy === 'Always') {
      addAll(sums, amounts)
      addAll(sidecars, amounts)
      raiseAll(peak, sidecars)
    } else {
      addAll(amounts, sidecars)
      raiseAll(peak, amounts)
    }
  }
  raiseAll(sums, peak)
  for (const [name, amount] of read(resources?.[what])) {
    if (isPodLevel(name)) sums.set(name, amount)
  }
  for (const [name, amount] of read(overhead)) {
    // Overhead makes no limit where the pod has none.
    const old = sums.get(name)
    const isCharged = what === 'requests' || (old !== undefined && old.nanos !== 0n)
    if (isCharged) sums.set(name, old ? add(old, amount) : amount)
  }
  return sums
}

/** Reads amounts as the API writes them. */
export function read(texts: Readonly<Record<string, string>> | undefined): Sums {
  return new Map(Object.entries(texts ?? {}).map(([name, text]) => [name, parseQuantity(text)]))
}

/** Adds `more` to `sums`. */
export function addAll(sums: Sums, more: ReadonlyMap<string, Quantity>): void {
  for (const [name, amount] of more) {
    const old = sums.get(name)
    sums.set(name, old ? add(old, amount) : amount)
  }
}

function raiseAll(sums: Sums, floor: ReadonlyMap<string, Quantity>): void {
  for (const [name, amount] of floor) {
    const old = sums.get(name)
    if (!old || compare(old, amount) < 0) sums.set(name, amount)
  }
}

function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}
