// SPDX-License-Identifier: Apache-2.0
// What the scheduler's decisions ask of objects other than pods and nodes, read from the API.
import { services } from '../../../kube/resources.ts'
import type { Service } from '../../../kube/types.gen.ts'
import type { ClusterApi } from '../cluster-api.ts'
import { namespaces } from '../namespaces/cluster-kinds.ts'
import { controllerOf } from '../workload/owner-reference.ts'
import {
  persistentVolumeClaims,
  replicaSets,
  statefulSets,
} from '../workload/workload-resources.ts'
import type { ClusterFacts } from './cluster-rooms.ts'
import {
  matcherOfRequirements,
  requirementsOf,
  matcherOfLabels,
} from '../../../kube/label-matcher.ts'
import type { LabelMatcher } from '../../../kube/label-matcher.ts'
import type { PodFacts } from './pod-facts.ts'

/** Facts that follow the API for as long as the result is not disposed of. */
export function clusterFacts(api: ClusterApi): ClusterFacts & Disposable {
  const servicesOf = new Map<string, readonly Service[]>()
  const subscription = api.onChange(services, ({ current, previous }) => {
    servicesOf.delete((current ?? previous)?.metadata.namespace ?? '')
  })
  const listServices = (namespace: string): readonly Service[] => {
    const known = servicesOf.get(namespace) ?? api.list(services, namespace)
    servicesOf.set(namespace, known)
    return known
  }
  return {
    namespaceLabels: (name) => api.get(namespaces, { name })?.metadata.labels,
    companionsOf: (pod) => companions(api, pod, listServices(pod.namespace)),
    volumeFault: (pod) => volumeFault(api, pod),
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  }
}

function companions(
  api: ClusterApi,
  pod: PodFacts,
  all: readonly Service[],
): LabelMatcher | undefined {
  const selectors = all
    .map(({ spec }) => spec?.selector ?? {})
    .filter((selector) => {
      const isUsed = Object.keys(selector).length > 0
      return isUsed && matcherOfLabels(selector).matches(pod.labels)
    })
  const requirements = selectors.flatMap(requirementsOf)
  const owner = controllerOf(pod.pod.metadata)
  const at = { namespace: pod.namespace, name: owner?.name ?? '' }
  const set =
    owner?.kind === 'ReplicaSet'
      ? api.get(replicaSets, at)
      : owner?.kind === 'StatefulSet'
        ? api.get(statefulSets, at)
        : undefined
  const selector = set?.spec?.selector
  const both = [
    ...requirements,
    ...requirementsOf(selector?.matchLabels),
    ...(selector?.matchExpressions ?? []),
  ]
  return both.length === 0 ? undefined : matcherOfRequirements(both)
}

// Claims are data only here: nothing provisions volumes, so a claim is as good as its volumeName says.
function volumeFault(api: ClusterApi, { pod, namespace, name }: PodFacts): string | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const isEphemeral = volume.ephemeral !== undefined
    const claimName = isEphemeral
      ? `${name}-${volume.name}`
      : volume.persistentVolumeClaim?.claimName
    if (claimName === undefined) continue
    const claim = api.get(persistentVolumeClaims, { namespace, name: claimName })
    if (!claim) {
      return isEphemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"`
        : `persistentvolumeclaim "${claimName}" not found`
    }
    if (claim.metadata.deletionTimestamp !== undefined) {
      return `persistentvolumeclaim "${claimName}" is being deleted`
    }
    if ((claim.spec?.volumeName ?? '') === '') {
      return 'pod has unbound immediate PersistentVolumeClaims'
    }
  }
  return undefined
}
