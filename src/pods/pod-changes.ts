// SPDX-License-Identifier: Apache-2.0
// Which changes of a pod matter to the backend: its spec, labels and annotations. Status, managed
// fields and resourceVersion change all the time and do not.
import type { Pod } from '../kube/types.gen.ts'
import { sameWire } from './wire-equal.ts'

/** Must the backend be told, given what it was told last? */
export function needsUpdate(accepted: Pod, now: Pod): boolean {
  if (accepted === now) return false
  return (
    !sameWire(accepted.metadata.labels, now.metadata.labels) ||
    !sameWire(accepted.metadata.annotations, now.metadata.annotations) ||
    !isSameSpec(accepted, now)
  )
}

/** API servers that count generations save us the comparison; older ones leave the field out. */
export function isSameSpec(one: Pod, other: Pod): boolean {
  if (one.spec === other.spec) return true
  const { generation } = one.metadata
  if (generation && generation === other.metadata.generation) return true
  return sameWire(one.spec, other.spec)
}
