// SPDX-License-Identifier: Apache-2.0
// Does a pod's nodeSelector and required node affinity accept a node? The scheduler asks the same, but
// a pod can be bound without it, and labels may have changed since.
import { matcherOfLabels, matcherOfRequirements } from '../kube/label-matcher.ts'
import type { NodeSelectorTerm, Pod } from '../kube/types.gen.ts'

/** The node as a selector sees it. */
export interface SelectableNode {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** True when every label of nodeSelector is there and one required term, if there are any, fits. */
export function matchesNodeAffinity(pod: Pod, node: SelectableNode): boolean {
  if (!matcherOfLabels(pod.spec.nodeSelector).matches(node.labels)) return false
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return !required || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}

/** An empty term matches nothing. */
function matchesTerm(term: NodeSelectorTerm, { name, labels }: SelectableNode): boolean {
  const { matchExpressions = [], matchFields = [] } = term
  if (matchExpressions.length + matchFields.length === 0) return false
  const fields = { 'metadata.name': name }
  return (
    matcherOfRequirements(matchExpressions).matches(labels) &&
    matcherOfRequirements(matchFields).matches(fields)
  )
}
