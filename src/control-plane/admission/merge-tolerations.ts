// SPDX-License-Identifier: Apache-2.0
// One list of tolerations of two, without those that another one of the list includes.
import type { Toleration } from '../../kube/types.gen.ts'
import { deepEqual } from '../objects/deep-equal.ts'

/** Of equal ones the first stays. */
export function mergeTolerations(
  first: readonly Toleration[],
  second: readonly Toleration[],
): readonly Toleration[] {
  const all = [...first, ...second]
  const merged: Toleration[] = []
  for (const [index, one] of all.entries()) {
    const isIncluded =
      merged.some((other) => includes(other, one)) ||
      all.slice(index + 1).some((other) => !deepEqual(other, one) && includes(other, one))
    if (!isIncluded) merged.push(one)
  }
  return merged
}

/** Whether whatever `part` tolerates, `whole` tolerates too. */
function includes(whole: Toleration, part: Toleration): boolean {
  if (deepEqual(whole, part)) return true
  const isAnyKey = (whole.key ?? '') === '' && whole.operator === 'Exists'
  if ((whole.key ?? '') !== (part.key ?? '') && !isAnyKey) return false
  const effect = whole.effect ?? ''
  if (effect !== '' && effect !== (part.effect ?? '')) return false
  const { tolerationSeconds: limit } = whole
  if (effect === 'NoExecute' && limit !== undefined) {
    if (part.tolerationSeconds === undefined || part.tolerationSeconds > limit) return false
  }
  if (whole.operator === 'Exists') return true
  return part.operator === 'Equal' && (part.value ?? '') === (whole.value ?? '')
}
