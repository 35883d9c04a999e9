// SPDX-License-Identifier: Apache-2.0
// What a pod asks of its node, as the scheduler computes it: the most that is needed at one time while
// init containers run one by one beside the sidecars, or all containers together afterwards. Limits add up
// in the same way.
import type { Container, Pod, ResourceRequirements } from '../../kube/types.gen.ts'
import {
  add,
  compare,
  format,
  milliUnits,
  parseQuantity,
  wholeUnits,
  type Quantity,
} from '../../util/quantity.ts'

/** Amounts by resource name: cpu in thousandths of a core, all else in whole units. */
export type Amounts = ReadonlyMap<string, bigint>

const resizable = ['cpu', 'memory'] as const

type Quantities = Map<string, Quantity>

// A pod's spec is asked for again whenever another pod is admitted.
const requestsOfPod = new WeakMap<Pod, Amounts>()

/** The pod's requests with init containers, sidecars, pod-level resources and overhead accounted for. */
export function podRequests(pod: Pod): Amounts {
  const known = requestsOfPod.get(pod)
  if (known) return known
  const requests = toAmounts(totalOf(pod, 'requests'))
  requestsOfPod.set(pod, requests)
  return requests
}

const requestTextsOfPod = new WeakMap<Pod, Readonly<Record<string, string>>>()

/** The same as a status writes it. */
export function podRequestTexts(pod: Pod): Readonly<Record<string, string>> {
  const known = requestTextsOfPod.get(pod)
  if (known) return known
  const requests = [...totalOf(pod, 'requests')]
  const texts = Object.fromEntries(requests.map(([name, quantity]) => [name, format(quantity)]))
  requestTextsOfPod.set(pod, texts)
  return texts
}

const totalsOfPod = new WeakMap<Pod, ResourceRequirements>()

/**
 * CPU and memory that the pod has by its containers alone, as a status writes it. With one container that has
 * no limit there is none on all.
 */
export function containerTotals(pod: Pod): ResourceRequirements {
  const known = totalsOfPod.get(pod)
  if (known) return known
  const { resources: _, ...spec } = pod.spec
  const all = [...spec.containers, ...(spec.initContainers ?? [])]
  const isLimited = (name: string): boolean =>
    all.every(({ resources }) => resources?.limits?.[name] !== undefined)
  const textsOf = (kind: 'requests' | 'limits'): Readonly<Record<string, string>> => {
    const total = totalOf({ ...pod, spec }, kind)
    const names = resizable.filter((name) => kind === 'requests' || isLimited(name))
    const told = names.flatMap((name) => {
      const quantity = total.get(name)
      return quantity ? [[name, format(quantity)] as const] : []
    })
    return Object.fromEntries(told)
  }
  const totals = withoutEmpty({ requests: textsOf('requests'), limits: textsOf('limits') })
  totalsOfPod.set(pod, totals)
  return totals
}

/** Requests and limits, of which none is named that is empty. */
export function withoutEmpty({
  requests = {},
  limits = {},
}: ResourceRequirements): ResourceRequirements {
  return {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(Object.keys(limits).length > 0 && { limits }),
  }
}

/** The limit of the pod as a whole on one resource, of those containers that have one. */
export function podLimit(pod: Pod, name: string): Quantity | undefined {
  return totalOf(pod, 'limits').get(name)
}

/** A list of quantities, such as a node's allocatable, in the units of `podRequests`. */
export function amountsOf(list: Readonly<Record<string, string>>): Amounts {
  return toAmounts(toQuantities(list))
}

function totalOf(pod: Pod, kind: 'requests' | 'limits'): Quantities {
  const { containers, initContainers = [], overhead = {}, resources } = pod.spec
  const amountsOfContainer = (container: Container): Quantities =>
    toQuantities(container.resources?.[kind] ?? {})
  const regular: Quantities = new Map()
  for (const container of containers) addTo(regular, amountsOfContainer(container))
  let highest: Quantities = new Map()
  const sidecars: Quantities = new Map()
  for (const container of initContainers) {
    const own = amountsOfContainer(container)
    if (container.restartPolicy === 'Always') {
      addTo(regular, own)
      addTo(sidecars, own)
      highest = maxOf(highest, sidecars)
    } else {
      addTo(own, sidecars)
      highest = maxOf(highest, own)
    }
  }
  const total = maxOf(regular, highest)
  for (const [name, quantity] of toQuantities(resources?.[kind] ?? {})) total.set(name, quantity)
  const more = [...toQuantities(overhead)]
  // Overhead makes a limit larger, but no limit where there is none.
  addTo(total, new Map(more.filter(([name]) => kind === 'requests' || total.has(name))))
  return total
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
