// SPDX-License-Identifier: Apache-2.0
// Whether labels satisfy the selector of a workload.
import { matcherOfRequirements, requirementsOf, type Labels } from '../../../kube/label-matcher.ts'
import type { LabelSelector } from '../../../kube/types.gen.ts'
import { validateLabelSelector } from '../meta/validate-labels.ts'
import { listOf, mapOf } from '../read-json.ts'

/** An empty selector matches everything; operators that do not exist match nothing. */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  return matcherOfRequirements([
    ...requirementsOf(mapOf(selector.matchLabels)),
    ...listOf(selector.matchExpressions).map((one) => ({ ...one, values: listOf(one.values) })),
  ]).matches(mapOf(labels))
}

export function isEmptySelector(selector: LabelSelector): boolean {
  const count =
    Object.keys(mapOf(selector.matchLabels)).length + listOf(selector.matchExpressions).length
  return count === 0
}

/** Whether its requirements can be understood at all; what is wrong with them is said elsewhere. */
export function isReadable(selector: LabelSelector): boolean {
  return [...validateLabelSelector(selector, '')].length === 0
}
