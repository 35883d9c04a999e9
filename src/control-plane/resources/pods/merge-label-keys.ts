// SPDX-License-Identifier: Apache-2.0
// `matchLabelKeys` and `mismatchLabelKeys` name labels of the pod itself; at creation their values are
// written into the selectors, which is all that a scheduler looks at.
import type {
  LabelSelector,
  LabelSelectorRequirement,
  PodAffinity,
  PodAffinityTerm,
  PodSpec,
} from '../../../kube/types.gen.ts'
import { isRecord, listOf } from '../read-json.ts'
import { mapField, mapItems, withField } from '../share-structure.ts'

type Labels = Readonly<Record<string, string>>

export function mergeLabelKeys(spec: PodSpec, labels: Labels): PodSpec {
  let result = spec
  if (isRecord(spec.affinity)) {
    result = mapField(result, 'affinity', (affinity) =>
      mapField(
        mapField(affinity, 'podAffinity', (one) => mergeAffinity(one, labels)),
        'podAntiAffinity',
        (one) => mergeAffinity(one, labels),
      ),
    )
  }
  if (spec.topologySpreadConstraints === undefined) return result
  const constraints = mapItems(spec.topologySpreadConstraints, (constraint) => {
    const added = requirements(constraint.matchLabelKeys, 'In', labels)
    return withField(constraint, 'labelSelector', extended(constraint.labelSelector, added))
  })
  return withField(result, 'topologySpreadConstraints', constraints)
}

function mergeAffinity(affinity: PodAffinity, labels: Labels): PodAffinity {
  const merge = (term: PodAffinityTerm): PodAffinityTerm => {
    const added = [
      ...requirements(term.matchLabelKeys, 'In', labels),
      ...requirements(term.mismatchLabelKeys, 'NotIn', labels),
    ]
    return withField(term, 'labelSelector', extended(term.labelSelector, added))
  }
  const required = mapItems(affinity.requiredDuringSchedulingIgnoredDuringExecution, merge)
  const preferred = mapItems(affinity.preferredDuringSchedulingIgnoredDuringExecution, (weighted) =>
    mapField(weighted, 'podAffinityTerm', merge),
  )
  return withField(
    withField(affinity, 'requiredDuringSchedulingIgnoredDuringExecution', required),
    'preferredDuringSchedulingIgnoredDuringExecution',
    preferred,
  )
}

function requirements(
  keys: readonly string[] | undefined,
  operator: 'In' | 'NotIn',
  labels: Labels,
): readonly LabelSelectorRequirement[] {
  return listOf(keys).flatMap((key) => {
    const value = labels[key]
    return value === undefined ? [] : [{ key, operator, values: [value] }]
  })
}

/** Without a selector nothing is matched, and that stays so. */
function extended(
  selector: LabelSelector | undefined,
  added: readonly LabelSelectorRequirement[],
): LabelSelector | undefined {
  if (added.length === 0 || !isRecord(selector)) return selector
  return { ...selector, matchExpressions: [...listOf(selector.matchExpressions), ...added] }
}
