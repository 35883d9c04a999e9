// SPDX-License-Identifier: Apache-2.0
// Does a pod's nodeSelector and required node affinity accept a node? The scheduler asks the same, but
// a pod can be bound without it, and labels may have changed since.
import type { NodeSelectorRequirement, NodeSelectorTerm, Pod } from '../kube/types.gen.ts'

/** The node as a selector sees it. */
export interface SelectableNode {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** True when every label of nodeSelector is there and one required term, if there are any, fits. */
export function matchesNodeAffinity(pod: Pod, node: SelectableNode): boolean {
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (valueAt(node.labels, key) !== value) return false
  }
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return !required || required.nodeSelectorTerms.some((term) => matchesTerm(term, node))
}

/** An empty term matches nothing. */
function matchesTerm(term: NodeSelectorTerm, { name, labels }: SelectableNode): boolean {
  const { matchExpressions = [], matchFields = [] } = term
  if (matchExpressions.length + matchFields.length === 0) return false
  const fields = { 'metadata.name': name }
  return (
    matchExpressions.every((requirement) => matches(requirement, labels)) &&
    matchFields.every((requirement) => matches(requirement, fields))
  )
}

function matches(
  { key, operator, values = [] }: NodeSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = valueAt(labels, key)
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt':
      return isBeyond(value, { operator, bound: values[0] })
    default:
      return false
  }
}

const integer = /^[+-]?\d+$/

function isBeyond(
  value: string | undefined,
  { operator, bound }: { readonly operator: 'Gt' | 'Lt'; readonly bound: string | undefined },
): boolean {
  if (value === undefined || bound === undefined) return false
  if (!integer.test(value) || !integer.test(bound)) return false
  const difference = BigInt(value.replace('+', '')) - BigInt(bound.replace('+', ''))
  return operator === 'Gt' ? difference > 0n : difference < 0n
}

function valueAt(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}
