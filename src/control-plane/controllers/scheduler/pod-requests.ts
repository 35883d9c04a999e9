// SPDX-License-Identifier: Apache-2.0
// What a pod asks of its node: the larger of what its init containers need one after another, each
// beside the sidecars started before it, and what its containers and sidecars need together; the
// pod's own resources instead where it names them; plus its overhead.
import type { Container, ContainerStatus, Pod } from '../../../kube/types.gen.ts'
import { addAmounts, amountsOf, noAmounts, raiseAmounts } from './resource-amounts.ts'
import type { ResourceAmounts } from './resource-amounts.ts'

/** What containers that ask for nothing count as when nodes are scored (never when they are filtered). */
const defaultMilliCpu = 100
const defaultMemoryBytes = 200 * 1024 * 1024

export interface PodRequests {
  readonly amounts: ResourceAmounts
  /** The same with defaults for containers that name no cpu or memory; for scores only. */
  readonly scored: ResourceAmounts
}

/** Sums up what `pod` asks for, in spec and, while a resize is under way, in status. */
export function podRequests(pod: Pod): PodRequests {
  return { amounts: sumOf(pod, false), scored: sumOf(pod, true) }
}

function sumOf(pod: Pod, isScored: boolean): ResourceAmounts {
  const { containers, initContainers = [], overhead, resources } = pod.spec
  const isInfeasible = (pod.status?.conditions ?? []).some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  )
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ]
  const requestsOf = (container: Container): ResourceAmounts => {
    const status = statuses.find(({ name }) => name === container.name)
    return containerRequests(container, { status, isInfeasible, isScored })
  }
  const sum = noAmounts()
  for (const container of containers) addAmounts(sum, requestsOf(container))
  const peak = noAmounts()
  const sidecars = noAmounts()
  for (const container of initContainers) {
    const requests = requestsOf(container)
    if (container.restartPolicy === 'Always') {
      addAmounts(sum, requests)
      addAmounts(sidecars, requests)
      raiseAmounts(peak, sidecars)
    } else {
      addAmounts(requests, sidecars)
      raiseAmounts(peak, requests)
    }
  }
  raiseAmounts(sum, peak)
  replaceByPodLevel(sum, resources?.requests)
  addAmounts(sum, amountsOf(overhead))
  return sum
}

interface RequestContext {
  readonly status: ContainerStatus | undefined
  readonly isInfeasible: boolean
  readonly isScored: boolean
}

function containerRequests(container: Container, context: RequestContext): ResourceAmounts {
  const { status, isInfeasible, isScored } = context
  const texts = container.resources?.requests
  const wanted = amountsOf(texts)
  const granted = amountsOf(status?.resources?.requests)
  raiseAmounts(granted, amountsOf(status?.allocatedResources))
  const isResized = status?.allocatedResources !== undefined
  const requests = isInfeasible && isResized ? granted : wanted
  if (!isInfeasible) raiseAmounts(requests, granted)
  if (isScored) {
    if (texts?.cpu === undefined) requests.milliCpu = defaultMilliCpu
    if (texts?.memory === undefined) requests.memoryBytes = defaultMemoryBytes
  }
  return requests
}

function replaceByPodLevel(
  sum: ResourceAmounts,
  texts: Readonly<Record<string, string>> | undefined,
): void {
  if (!texts) return
  const podLevel = amountsOf(texts)
  if (texts.cpu !== undefined) sum.milliCpu = podLevel.milliCpu
  if (texts.memory !== undefined) sum.memoryBytes = podLevel.memoryBytes
  for (const [name, amount] of podLevel.scalars) {
    if (name.startsWith('hugepages-')) sum.scalars.set(name, amount)
  }
}
