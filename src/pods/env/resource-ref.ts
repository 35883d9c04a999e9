// SPDX-License-Identifier: Apache-2.0
// The downward API's `resourceFieldRef`: a container's requests and limits as a whole number of
// divisors, rounded up. A container without a limit is told what it could use at most.
import type { Container, Pod, ResourceFieldSelector } from '../../kube/types.gen.ts'
import { ceilDivide, parseQuantity, zero, type Quantity } from '../../util/quantity.ts'
import { VkError } from '../../util/vk-error.ts'

/** Where the reference stands, and the node's figures for what the container leaves open. */
export interface ResourceContext {
  /** The container that holds the reference; default of its containerName. */
  readonly containerName: string
  readonly nodeAllocatable: Readonly<Record<string, string>>
}

const syntax = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/

/** The number as text, such as `2` for `limits.cpu` of 1500m with divisor 1. */
export function resourceValue(
  pod: Pod,
  selector: ResourceFieldSelector,
  context: ResourceContext,
): string {
  const [, kind, resource] = syntax.exec(selector.resource) ?? []
  if (kind === undefined || resource === undefined) {
    throw configError(`unsupported container resource: ${selector.resource}`)
  }
  const name = selector.containerName || context.containerName
  const container = findContainer(pod, name)
  if (!container) throw configError(`container ${name} not found`)
  const amount =
    kind === 'limits'
      ? limitOf(resource, { pod, container, nodeAllocatable: context.nodeAllocatable })
      : quantityIn(container.resources?.requests, resource)
  return String(ceilDivide(amount ?? zero, parseQuantity(selector.divisor ?? '1')))
}

function limitOf(
  resource: string,
  { pod, container, nodeAllocatable }: LimitSources,
): Quantity | undefined {
  const own = quantityIn(container.resources?.limits, resource)
  if (own || resource.startsWith('hugepages-')) return own
  return quantityIn(pod.spec.resources?.limits, resource) ?? quantityIn(nodeAllocatable, resource)
}

interface LimitSources {
  readonly pod: Pod
  readonly container: Pick<Container, 'resources'>
  readonly nodeAllocatable: Readonly<Record<string, string>>
}

/** Zero counts as not set, as it does for the kubelet. */
function quantityIn(
  list: Readonly<Record<string, string>> | undefined,
  resource: string,
): Quantity | undefined {
  const text = list?.[resource]
  const amount = text === undefined ? zero : parseQuantity(text)
  return amount.nanos === 0n ? undefined : amount
}

function findContainer(pod: Pod, name: string): Pick<Container, 'resources'> | undefined {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  return [...containers, ...initContainers, ...ephemeralContainers].find((c) => c.name === name)
}

function configError(message: string): VkError {
  return new VkError('Invalid', message, { podReason: 'CreateContainerConfigError' })
}
