// SPDX-License-Identifier: Apache-2.0
// What a pod's status says of the CPU and memory that its containers have: granted, and really there. Only
// for runtimes that can change it; the API server takes the very presence of these fields for that.
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '../../kube/types.gen.ts'
import type { ObservedPod } from '../../provider/provider.ts'
import type { ContainerRecord } from '../decide/container-record.ts'
import { podContainers } from '../decide/pod-containers.ts'
import type { PodRecord } from '../pod-record.ts'
import { allocationOf, changedResources } from './allocation.ts'
import { containerTotals, podRequestTexts, withoutEmpty } from './pod-amounts.ts'

/** `resources` and `allocatedResources` of a container that has been started. */
export function statusResources(
  { resources: granted = {} }: Container,
  record: ContainerRecord | undefined,
): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  if (!record) return {}
  const requests = granted.requests ?? {}
  return {
    // One that does not run has nothing but what it is to have.
    resources: record.stage === 'started' ? (record.resources ?? granted) : granted,
    ...(Object.keys(requests).length > 0 && { allocatedResources: requests }),
  }
}

/**
 * What a pod has as a whole, and what it was granted. Kubelets that can change the first tell of every pod, of
 * one that asks for nothing as a whole by its containers.
 */
function podLevelOf(
  pod: Pod,
  now: {
    readonly podResources: ResourceRequirements | undefined
    readonly containers: Readonly<Record<string, ContainerRecord>>
    readonly isUnderWay: boolean
  },
): NonNullable<ObservedPod['podLevel']> {
  const own = now.podResources ?? pod.spec.resources
  const { requests, limits } = containerTotals(
    now.isUnderWay ? withActual(pod, now.containers) : pod,
  )
  return {
    resources: withoutEmpty({
      requests: { ...requests, ...own?.requests },
      limits: { ...limits, ...own?.limits },
    }),
    allocatedResources: podRequestTexts(pod),
  }
}

function withActual(pod: Pod, containers: Readonly<Record<string, ContainerRecord>>): Pod {
  const actual = (spec: Container): Container => {
    const { resources = spec.resources } = statusResources(spec, containers[spec.name])
    return resources ? { ...spec, resources } : spec
  }
  const { initContainers, containers: regular } = pod.spec
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: regular.map(actual),
      ...(initContainers && { initContainers: initContainers.map(actual) }),
    },
  }
}

/** Can the runtime change what a running container has, and what keeps it from that? */
export interface Resizes {
  readonly canResize: boolean
  /** The same for what all containers of a pod have together. */
  readonly canResizePod: boolean
  readonly error: string | undefined
}

/** What the pod was granted, and whether its containers have it yet. */
export function observedResize(
  { pod, podResources, containers }: Pick<PodRecord, 'pod' | 'podResources' | 'containers'>,
  resizes: Resizes | undefined,
): Pick<ObservedPod, 'allocation' | 'resize' | 'podLevel'> {
  if (!pod || !resizes?.canResize) return {}
  const { error, canResizePod } = resizes
  const ofPod = canResizePod ? pod.spec.resources : undefined
  const isPodUnderWay =
    ofPod !== undefined &&
    podResources !== undefined &&
    changedResources(podResources, ofPod).length > 0
  const isUnderWay =
    isPodUnderWay ||
    podContainers(pod).some(({ spec, role }) => {
      const record = containers[spec.name]
      if (role === 'ephemeral' || record?.stage !== 'started' || !record.resources) return false
      return changedResources(record.resources, spec.resources).length > 0
    })
  return {
    allocation: allocationOf(pod),
    ...(canResizePod && { podLevel: podLevelOf(pod, { podResources, containers, isUnderWay }) }),
    ...(isUnderWay && { resize: { isUnderWay, ...(error !== undefined && { error }) } }),
  }
}
