// SPDX-License-Identifier: Apache-2.0
// Judges the numbers of pods that a workload's status reports: none is negative, and no part is more
// than the whole.
import { invalidValue, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { validateNonNegative } from '../meta/validate-values.ts'

type Numbers = Readonly<Record<string, number | undefined>>

/** Not parts of `replicas`: pods that are missing, or that are on their way out. */
const outside = new Set(['replicas', 'unavailableReplicas', 'terminatingReplicas'])

export function* validateStatusCounts(
  next: KubeObject,
  old: KubeObject,
  { counts, readyIn }: { readonly counts: readonly string[]; readonly readyIn: string },
): Iterable<FieldError> {
  const status = (next['status'] ?? {}) as Numbers
  for (const field of [...counts, 'observedGeneration', 'collisionCount']) {
    yield* validateNonNegative(status[field], `status.${field}`)
  }
  const replicas = status['replicas'] ?? 0
  for (const field of counts) {
    const count = status[field] ?? 0
    if (outside.has(field) || count <= replicas) continue
    yield invalidValue(`status.${field}`, count, 'cannot be greater than status.replicas')
  }
  const available = status['availableReplicas'] ?? 0
  if (available > (status['readyReplicas'] ?? 0)) {
    yield invalidValue('status.availableReplicas', available, `cannot be greater than ${readyIn}`)
  }
  const collisions = status['collisionCount'] ?? 0
  if (collisions < (((old['status'] ?? {}) as Numbers)['collisionCount'] ?? 0)) {
    yield invalidValue('status.collisionCount', collisions, 'cannot be decremented')
  }
}
