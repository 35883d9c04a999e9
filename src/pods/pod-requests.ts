// SPDX-License-Identifier: Apache-2.0
// What a pod asks of its node, as the scheduler computes it: the most that is needed at one time while
// init containers run one by one beside the sidecars, or all containers together afterwards.
import type { Container, Pod } from '../kube/types.gen.ts'
import {
  add,
  compare,
  milliUnits,
  parseQuantity,
  wholeUnits,
  type Quantity,
} from '../util/quantity.ts'

/** Amounts by resource name: cpu in thousandths of a core, all else in whole units. */
export type Amounts = ReadonlyMap<string, bigint>

type Quantities = Map<string, Quantity>

// A pod's spec is asked for again whenever another pod is admitted.
const requestsOfPod = new WeakMap<Pod, Amounts>()

/** The pod's requests with init containers, sidecars, pod-level resources and overhead accounted for. */
export function podRequests(pod: Pod): Amounts {
  const known = requestsOfPod.get(pod)
  if (known) return known
  const requests = computeRequests(pod)
  requestsOfPod.set(pod, requests)
  return requests
}

/** A list of quantities, such as a node's allocatable, in the units of `podRequests`. */
export function amountsOf(list: Readonly<Record<string, string>>): Amounts {
  return toAmounts(toQuantities(list))
}

function computeRequests(pod: Pod): Amounts {
  const { containers, initContainers = [], overhead = {} } = pod.spec
  const requests: Quantities = new Map()
  for (const container of containers) addTo(requests, requestsOf(container))
  let highest: Quantities = new Map()
  const sidecars: Quantities = new Map()
  for (const container of initContainers) {
    const own = requestsOf(container)
    if (container.restartPolicy === 'Always') {
      addTo(requests, own)
      addTo(sidecars, own)
      highest = maxOf(highest, sidecars)
    } else {
      addTo(own, sidecars)
      highest = maxOf(highest, own)
    }
  }
  const total = maxOf(requests, highest)
  for (const [name, quantity] of toQuantities(pod.spec.resources?.requests ?? {})) {
    total.set(name, quantity)
  }
  addTo(total, toQuantities(overhead))
  return toAmounts(total)
}

function requestsOf({ resources }: Container): Quantities {
  return toQuantities(resources?.requests ?? {})
}

function toQuantities(list: Readonly<Record<string, string>>): Quantities {
  const quantities: Quantities = new Map()
  for (const [name, text] of Object.entries(list)) quantities.set(name, parseQuantity(text))
  return quantities
}

function toAmounts(quantities: Quantities): Amounts {
  const amounts = new Map<string, bigint>()
  for (const [name, quantity] of quantities) {
    amounts.set(name, name === 'cpu' ? milliUnits(quantity) : wholeUnits(quantity))
  }
  return amounts
}

function addTo(sum: Quantities, more: Quantities): void {
  for (const [name, quantity] of more) {
    const before = sum.get(name)
    sum.set(name, before ? add(before, quantity) : quantity)
  }
}

function maxOf(a: Quantities, b: Quantities): Quantities {
  const highest = new Map(a)
  for (const [name, quantity] of b) {
    const before = highest.get(name)
    if (!before || compare(before, quantity) < 0) highest.set(name, quantity)
  }
  return highest
}
