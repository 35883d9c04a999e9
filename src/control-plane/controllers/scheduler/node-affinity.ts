// SPDX-License-Identifier: Apache-2.0
// Which nodes a pod's nodeSelector and node affinity allow, and which of them it prefers.
import type { Node, NodeSelectorTerm, Pod } from '../../../kube/types.gen.ts'
import { matcherOfRequirements, meets, requirementsOf } from '../../../kube/label-matcher.ts'

/** Judges a node; undefined where a pod asks for nothing. */
export type NodeMatcher = (node: Node) => boolean

/** A wish and its weight. */
export interface NodePreference {
  readonly weight: number
  readonly matches: NodeMatcher
}

/** What the pod requires of its node, or undefined when any node does. */
export function requiredNodes(pod: Pod): NodeMatcher | undefined {
  const { nodeSelector = {}, affinity } = pod.spec
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const hasSelector = Object.keys(nodeSelector).length > 0
  if (!hasSelector && !required) return undefined
  const selector = matcherOfRequirements(requirementsOf(nodeSelector))
  const terms = required?.nodeSelectorTerms.map(termMatcher)
  return (node) =>
    selector.matches(node.metadata.labels) && (!terms || terms.some((matches) => matches(node)))
}

/** What the pod would like of its node. */
export function preferredNodes(pod: Pod): readonly NodePreference[] {
  const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
  return (terms ?? [])
    .filter(({ weight }) => weight !== 0)
    .map(({ weight, preference }) => ({
      weight,
      matches: termMatcher(preference),
    }))
}

/**
 * Names of the only nodes that could do, when each required term names nodes; undefined when some term
 * does not. An empty set: the terms contradict themselves.
 */
export function namedNodes(pod: Pod): ReadonlySet<string> | undefined {
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (!required || required.nodeSelectorTerms.length === 0) return undefined
  const names = new Set<string>()
  for (const { matchFields = [] } of required.nodeSelectorTerms) {
    const fields = matchFields.filter(
      ({ key, operator }) => key === 'metadata.name' && operator === 'In',
    )
    const [first, ...rest] = fields.map(({ values = [] }) => values)
    if (!first) return undefined
    for (const name of first) {
      if (rest.every((values) => values.includes(name))) names.add(name)
    }
  }
  return names
}

function termMatcher(term: NodeSelectorTerm): NodeMatcher {
  const { matchExpressions = [], matchFields: fields = [] } = term
  // A term that says nothing is met by no node, unlike an empty label selector.
  if (matchExpressions.length + fields.length === 0) return () => false
  const labels = matcherOfRequirements(matchExpressions)
  return (node) =>
    labels.matches(node.metadata.labels) &&
    fields.every((field) =>
      meets(field.key === 'metadata.name' ? node.metadata.name : undefined, field),
    )
}
