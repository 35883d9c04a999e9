// SPDX-License-Identifier: Apache-2.0
// What the scheduler has to know of a pod, worked out once when the pod is first seen and asked many
// times: for each node, and for each pod that comes later.
import type { Pod, Toleration } from '../../../kube/types.gen.ts'
import { affinityTerms } from './affinity-terms.ts'
import type { AffinityTerms } from './affinity-terms.ts'
import { hostPorts } from './host-ports.ts'
import type { HostPort } from './host-ports.ts'
import { namedNodes, preferredNodes, requiredNodes } from './node-affinity.ts'
import type { NodeMatcher, NodePreference } from './node-affinity.ts'
import type { Labels } from '../../../kube/label-matcher.ts'
import { podRequests } from './pod-requests.ts'
import type { ResourceAmounts } from './resource-amounts.ts'

export interface PodFacts {
  readonly pod: Pod
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  readonly priority: number
  readonly isTerminating: boolean
  readonly requests: ResourceAmounts
  /** With defaults for what is not asked for; for scores. */
  readonly scoredRequests: ResourceAmounts
  readonly ports: readonly HostPort[]
  readonly tolerations: readonly Toleration[]
  readonly requiredNodes: NodeMatcher | undefined
  readonly namedNodes: ReadonlySet<string> | undefined
  readonly preferredNodes: readonly NodePreference[]
  readonly affinity: AffinityTerms
  readonly hasAffinity: boolean
}

/** Reads the pod once. */
export function podFacts(pod: Pod): PodFacts {
  const { metadata, spec } = pod
  const affinity = affinityTerms(pod)
  const { amounts, scored } = podRequests(pod)
  return {
    pod,
    uid: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels,
    priority: spec.priority ?? 0,
    isTerminating: metadata.deletionTimestamp !== undefined,
    requests: amounts,
    scoredRequests: scored,
    ports: hostPorts(pod),
    tolerations: spec.tolerations ?? [],
    requiredNodes: requiredNodes(pod),
    namedNodes: namedNodes(pod),
    preferredNodes: preferredNodes(pod),
    affinity,
    hasAffinity:
      affinity.requiredNear.length + affinity.requiredFar.length + affinity.preferred.length > 0,
  }
}
