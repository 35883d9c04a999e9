// SPDX-License-Identifier: Apache-2.0
// Pods that a node does not do without.
import type { Pod } from '../../kube/types.gen.ts'

/** Priorities from here on are those of the system's own classes. */
export const systemCriticalPriority = 2_000_000_000

/** Pods of the cluster's own priority classes are neither evicted nor kept out under pressure. */
export function isCriticalPod({ spec }: Pod): boolean {
  return (spec.priority ?? 0) >= systemCriticalPriority
}
