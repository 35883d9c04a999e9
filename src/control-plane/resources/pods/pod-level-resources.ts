// SPDX-License-Identifier: Apache-2.0
// Resources of a pod as a whole: what its containers need together, and what `spec.resources` is
// completed with. Regular containers and sidecars run together; an ordinary init container runs beside
// the sidecars that started before it.
import type { Container, PodSpec } from '../../../kube/types.gen.ts'
import { add, compare, format, parseQuantity, type Quantity } from '../../../util/quantity.ts'
import { nanosOf, type Amounts } from '../canonical-quantity.ts'
import { listOf, mapOf } from '../read-json.ts'
import { withField } from '../share-structure.ts'

type Side = 'limits' | 'requests'
type Sums = Map<string, Quantity>

/** What the containers ask for together, in canonical form. */
export function aggregateOf(spec: PodSpec, side: Side): Amounts {
  const total: Sums = new Map()
  const sidecars: Sums = new Map()
  const peak: Sums = new Map()
  for (const container of listOf(spec.containers)) addAll(total, amountsOf(container, side))
  for (const container of listOf(spec.initContainers)) {
    const amounts = amountsOf(container, side)
    if (container.restartPolicy === 'Always') {
      addAll(total, amounts)
      addAll(sidecars, amounts)
      takeLarger(peak, sidecars)
    } else {
      const together = new Map(sidecars)
      addAll(together, amounts)
      takeLarger(peak, together)
    }
  }
  takeLarger(total, peak)
  return Object.fromEntries([...total].map(([name, quantity]) => [name, format(quantity)]))
}

/** Whether a pod as a whole may ask for this. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

/** Completes `spec.resources` from what the containers ask for, and requests from limits. */
export function defaultPodResources(spec: PodSpec): PodSpec {
  const { resources } = spec
  if (!resources) return spec
  const requests = mapOf(resources.requests)
  let limits = mapOf(resources.limits)
  if (Object.keys(limits).length + Object.keys(requests).length > 0) {
    const pages = Object.entries(aggregateOf(spec, 'limits')).filter(
      ([name]) => name.startsWith('hugepages-') && requests[name] === undefined,
    )
    limits = missingFrom(limits, pages)
  }
  if (Object.keys(limits).length === 0) return spec
  const fromContainers = Object.entries(aggregateOf(spec, 'requests')).filter(
    ([name]) => name === 'cpu' || name === 'memory',
  )
  const fromLimits = Object.entries(limits).filter(([name]) => isPodLevelResource(name))
  const complete = missingFrom(missingFrom(requests, fromContainers), fromLimits)
  const withLimits = withField(resources, 'limits', limits)
  return withField(
    spec,
    'resources',
    complete === requests ? withLimits : withField(withLimits, 'requests', complete),
  )
}

function missingFrom(amounts: Amounts, others: readonly (readonly [string, string])[]): Amounts {
  const missing = others.filter(([name]) => amounts[name] === undefined)
  return missing.length === 0 ? amounts : { ...amounts, ...Object.fromEntries(missing) }
}

function amountsOf(container: Container, side: Side): Amounts {
  return mapOf(container.resources?.[side])
}

function addAll(sums: Sums, amounts: Amounts): void {
  for (const name in amounts) {
    if (nanosOf(amounts[name]) === undefined) continue
    const quantity = parseQuantity(`${amounts[name]}`)
    const sum = sums.get(name)
    sums.set(name, sum === undefined ? quantity : add(sum, quantity))
  }
}

function takeLarger(sums: Sums, others: Sums): void {
  for (const [name, quantity] of others) {
    const sum = sums.get(name)
    if (sum === undefined || compare(quantity, sum) > 0) sums.set(name, quantity)
  }
}
