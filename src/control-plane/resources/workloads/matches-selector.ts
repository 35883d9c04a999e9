// SPDX-License-Identifier: Apache-2.0
// Whether labels satisfy the selector of a workload.
import type { LabelSelector } from '../../../kube/types.gen.ts'
import { validateLabelSelector } from '../meta/validate-labels.ts'
import { listOf, mapOf } from '../read-json.ts'

type Labels = Readonly<Record<string, string>> | undefined

/** An empty selector matches everything; operators that do not exist match nothing. */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  const map = mapOf(labels)
  const isMatched = Object.entries(mapOf(selector.matchLabels)).every(
    ([key, value]) => valueOf(map, key) === value,
  )
  return (
    isMatched &&
    listOf(selector.matchExpressions).every(({ key, operator, values }) => {
      const value = valueOf(map, key)
      switch (operator) {
        case 'In':
          return value !== undefined && listOf(values).includes(value)
        case 'NotIn':
          return value === undefined || !listOf(values).includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          return false
      }
    })
  )
}

/** Undefined for a label that is not there, also when every object has something of that name. */
function valueOf(map: NonNullable<Labels>, key: string): string | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
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
