// SPDX-License-Identifier: Apache-2.0
// What a node has granted each container of a pod of CPU and memory. It differs from the pod's spec while a
// resize waits for room, and from what a container runs with while a resize is carried out. Pure.
import type { Container, Pod, ResourceRequirements } from '../../kube/types.gen.ts'
import { parseQuantity } from '../../util/quantity.ts'

/** Resources by container, init containers included; those of the pod as a whole under `podEntry`. */
export type Allocation = Readonly<Record<string, ResourceRequirements>>

/** No container is called so. */
export const podEntry = ''

export const resizable = ['cpu', 'memory'] as const

type Resizable = (typeof resizable)[number]

/** What the pod's spec asks for. */
export function allocationOf({ spec }: Pod): Allocation {
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  return {
    ...Object.fromEntries(containers.map(({ name, resources = {} }) => [name, resources])),
    ...(spec.resources && { [podEntry]: spec.resources }),
  }
}

/** The pod with what was granted in place of what it asks for; the same object where that is equal. */
export function withAllocation(pod: Pod, allocation: Allocation | undefined): Pod {
  if (!allocation || isGranted(pod, allocation)) return pod
  const granted = (container: Container): Container => {
    const resources = allocation[container.name]
    return resources ? { ...container, resources } : container
  }
  const { containers, initContainers } = pod.spec
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(allocation[podEntry] && { resources: allocation[podEntry] }),
      containers: containers.map(granted),
      ...(initContainers && { initContainers: initContainers.map(granted) }),
    },
  }
}

/** Has each container what its spec asks for, and the pod as a whole? */
export function isGranted({ spec }: Pod, allocation: Allocation): boolean {
  return (
    isPodGranted({ spec }, allocation) &&
    [...(spec.initContainers ?? []), ...spec.containers].every(({ name, resources }) => {
      const granted = allocation[name]
      return granted === undefined || changedResources(granted, resources).length === 0
    })
  )
}

/** Has the pod as a whole what it asks for? */
export function isPodGranted({ spec }: Pick<Pod, 'spec'>, allocation: Allocation): boolean {
  const granted = allocation[podEntry]
  return granted === undefined || changedResources(granted, spec.resources).length === 0
}

/** CPU and memory, as far as limit or request of one differ from the other's. */
export function changedResources(
  one: ResourceRequirements | undefined,
  other: ResourceRequirements | undefined,
): readonly Resizable[] {
  return resizable.filter(
    (name) =>
      !isSame(one?.requests?.[name], other?.requests?.[name]) ||
      !isSame(one?.limits?.[name], other?.limits?.[name]),
  )
}

/** How a running container gets from what it has to what its spec grants. */
export function resizeOf(
  { resources, resizePolicy = [] }: Container,
  actual: ResourceRequirements,
): 'none' | 'live' | 'restart' {
  const changed = changedResources(actual, resources)
  if (changed.length === 0) return 'none'
  const needsRestart = resizePolicy.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed.some((name) => name === resourceName),
  )
  return needsRestart ? 'restart' : 'live'
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  if (one === other) return true
  // As a kubelet has it, nothing and zero are the same.
  return nanosOf(one) === nanosOf(other)
}

function nanosOf(text: string | undefined): bigint {
  return text === undefined ? 0n : parseQuantity(text).nanos
}
