// SPDX-License-Identifier: Apache-2.0
// What a whole pod requests or is limited to: its containers together, or its greediest init container
// with the sidecars before it, if that is more.
import type { Container, PodSpec } from '../../kube/types.gen.ts'
import type { Amounts } from './amounts.ts'
import { amountsOf, largest, noAmounts, only, sum } from './amounts.ts'

/** Resources that can be set for the pod as a whole, and then count instead. */
const podLevel = ['cpu', 'memory']

export type ResourceKind = 'limits' | 'requests'

/** Without what the pod's runtime needs itself. */
export function podResources(spec: PodSpec, kind: ResourceKind): Amounts {
  const amount = ({ resources }: Container) => amountsOf(resources?.[kind])
  let running = (spec.containers ?? []).map(amount).reduce(sum, noAmounts)
  let sidecars = noAmounts
  let starting = noAmounts
  for (const container of spec.initContainers ?? []) {
    const own = amount(container)
    if (container.restartPolicy === 'Always') {
      running = sum(running, own)
      sidecars = sum(sidecars, own)
      starting = largest(starting, sidecars)
    } else {
      starting = largest(starting, sum(sidecars, own))
    }
  }
  const needed = new Map(largest(running, starting))
  for (const [name, given] of only(amountsOf(spec.resources?.[kind]), podLevel)) {
    needed.set(name, given)
  }
  return needed
}

/** With what the runtime needs; for limits only where there is one. */
export function podResourcesWithOverhead(spec: PodSpec, kind: ResourceKind): Amounts {
  const amounts = podResources(spec, kind)
  const overhead = amountsOf(spec.overhead)
  return kind === 'requests'
    ? sum(amounts, overhead)
    : sum(amounts, only(overhead, [...amounts.keys()]))
}
