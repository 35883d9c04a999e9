// SPDX-License-Identifier: Apache-2.0
// Which pods a ResourceQuota with scopes is about.
import { meets } from '../../kube/label-matcher.ts'
import type {
  Pod,
  PodAffinityTerm,
  PodSpec,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
} from '../../kube/types.gen.ts'

/** Whether all of a quota's scopes fit the pod. */
export function isInScopes({ spec }: ResourceQuota, pod: Pod): boolean {
  return scopesOf(spec).every((scope) => fits(scope, pod))
}

export function hasScopes({ spec }: ResourceQuota): boolean {
  return scopesOf(spec).length > 0
}

function scopesOf(spec: ResourceQuota['spec']): readonly ScopedResourceSelectorRequirement[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ]
}

function fits(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return hasDeadline(pod.spec)
    case 'NotTerminating':
      return !hasDeadline(pod.spec)
    case 'BestEffort':
      return isBestEffort(pod.spec)
    case 'NotBestEffort':
      return !isBestEffort(pod.spec)
    case 'PriorityClass':
      return meets(pod.spec?.priorityClassName || undefined, { key: '', ...scope })
    case 'CrossNamespacePodAffinity':
      return affinityTerms(pod.spec).some(
        ({ namespaceSelector, namespaces = [] }) =>
          namespaces.length > 0 || namespaceSelector !== undefined,
      )
    default:
      return false
  }
}

function hasDeadline(spec: PodSpec | undefined): boolean {
  return (spec?.activeDeadlineSeconds ?? -1) >= 0
}

function isBestEffort(spec: PodSpec | undefined): boolean {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  const all = [spec?.resources, ...containers.map(({ resources }) => resources)]
  return all.every((resources) =>
    ['cpu', 'memory'].every((name) =>
      [resources?.requests?.[name], resources?.limits?.[name]].every(
        (amount) => amount === undefined || amount === '0',
      ),
    ),
  )
}

function affinityTerms(spec: PodSpec | undefined): readonly PodAffinityTerm[] {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {}
  return [podAffinity, podAntiAffinity].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ])
}
