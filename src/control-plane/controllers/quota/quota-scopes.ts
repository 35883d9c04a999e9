// SPDX-License-Identifier: Apache-2.0
// Which objects a quota with scopes is about. Scopes speak of pods; no other object is in any of them.
import type { Pod, PodAffinityTerm, ResourceQuotaSpec } from '../../../kube/types.gen.ts'
import { podSums } from './pod-sums.ts'

/** Whether the quota is about an object; `pod` is undefined for objects of other kinds. */
export function isInScope(
  { scopes = [], scopeSelector }: ResourceQuotaSpec,
  pod: Pod | undefined,
): boolean {
  const requirements = [
    ...scopes.map((scopeName) => ({ scopeName, operator: 'Exists', values: [] })),
    ...(scopeSelector?.matchExpressions ?? []),
  ]
  return requirements.every(({ scopeName, operator, values = [] }) => {
    if (!pod) return false
    if (scopeName === 'PriorityClass') return matchesClass(pod, operator, values)
    return isOf(scopeName, pod)
  })
}

function isOf(scope: string, pod: Pod): boolean {
  const deadline = pod.spec.activeDeadlineSeconds
  const isTerminating = deadline !== undefined && deadline >= 0
  switch (scope) {
    case 'Terminating':
      return isTerminating
    case 'NotTerminating':
      return !isTerminating
    case 'BestEffort':
      return isBestEffort(pod)
    case 'NotBestEffort':
      return !isBestEffort(pod)
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod)
    default:
      return false
  }
}

function matchesClass({ spec }: Pod, operator: string, values: readonly string[]): boolean {
  const name = spec.priorityClassName ?? ''
  switch (operator) {
    case 'Exists':
      return name !== ''
    case 'DoesNotExist':
      return name === ''
    case 'In':
      return values.includes(name)
    case 'NotIn':
      return !values.includes(name)
    default:
      return false
  }
}

function isBestEffort(pod: Pod): boolean {
  if (pod.status?.qosClass !== undefined) return pod.status.qosClass === 'BestEffort'
  return (['requests', 'limits'] as const).every((what) =>
    [...podSums(pod, what)].every(
      ([name, { nanos }]) => nanos === 0n || (name !== 'cpu' && name !== 'memory'),
    ),
  )
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {}
  return [podAffinity, podAntiAffinity].some((affinity) => {
    const terms: readonly PodAffinityTerm[] = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        ({ podAffinityTerm }) => podAffinityTerm,
      ),
    ]
    return terms.some(
      ({ namespaces = [], namespaceSelector }) =>
        namespaces.length > 0 || namespaceSelector !== undefined,
    )
  })
}
