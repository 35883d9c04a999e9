// SPDX-License-Identifier: Apache-2.0
// The terms by which pods want to be near to or far from other pods, ready to be asked of pods.
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '../../../kube/types.gen.ts'
import { matcherOf, matcherOfRequirements, requirementsOf } from '../../../kube/label-matcher.ts'
import type { LabelMatcher, Labels, Requirement } from '../../../kube/label-matcher.ts'

/** What a term looks at in another pod. */
export interface PodLabels {
  readonly namespace: string
  readonly labels: Labels
}

/** Labels of a namespace, by its name. */
export type NamespaceLabels = (namespace: string) => Labels

export interface AffinityTerm {
  readonly topologyKey: string
  readonly matches: (pod: PodLabels, labelsOf: NamespaceLabels) => boolean
}

/** A term of an affinity (positive weight) or an anti-affinity (negative). */
export interface WeightedTerm extends AffinityTerm {
  readonly weight: number
}

export interface AffinityTerms {
  readonly requiredNear: readonly AffinityTerm[]
  readonly requiredFar: readonly AffinityTerm[]
  readonly preferred: readonly WeightedTerm[]
}

const noTerms: AffinityTerms = { requiredNear: [], requiredFar: [], preferred: [] }

/** The terms of a pod, required and preferred. */
export function affinityTerms(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {}
  if (!podAffinity && !podAntiAffinity) return noTerms
  const weighted = (terms: readonly WeightedPodAffinityTerm[] | undefined, sign: number) =>
    (terms ?? []).map(({ weight, podAffinityTerm }) => ({
      ...readTerm(podAffinityTerm, pod),
      weight: weight * sign,
    }))
  return {
    requiredNear: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      readTerm(term, pod),
    ),
    requiredFar: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (term) => readTerm(term, pod),
    ),
    preferred: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
  }
}

function readTerm(term: PodAffinityTerm, owner: Pod): AffinityTerm {
  const { namespaces = [], namespaceSelector, topologyKey } = term
  const ownNamespace = owner.metadata.namespace ?? ''
  const isOwnOnly = namespaces.length === 0 && namespaceSelector === undefined
  const named = new Set(isOwnOnly ? [ownNamespace] : namespaces)
  const selected = matcherOf(namespaceSelector)
  const selector = selectorOf(term, owner)
  return {
    topologyKey,
    matches: ({ namespace, labels }, labelsOf) =>
      selector.matches(labels) &&
      (named.has(namespace) ||
        (namespaceSelector !== undefined && selected.matches(labelsOf(namespace)))),
  }
}

// The API server writes matchLabelKeys into the selector when the pod is created; saying it twice is
// harmless, and pods from elsewhere are judged alike.
function selectorOf(term: PodAffinityTerm, owner: Pod): LabelMatcher {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term
  if (!labelSelector) return matcherOf(undefined)
  const byKeys = (keys: readonly string[], operator: string): readonly Requirement[] =>
    keys.flatMap((key) => {
      const value = owner.metadata.labels?.[key]
      return value === undefined ? [] : [{ key, operator, values: [value] }]
    })
  return matcherOfRequirements([
    ...requirementsOf(labelSelector.matchLabels),
    ...(labelSelector.matchExpressions ?? []),
    ...byKeys(matchLabelKeys, 'In'),
    ...byKeys(mismatchLabelKeys, 'NotIn'),
  ])
}
