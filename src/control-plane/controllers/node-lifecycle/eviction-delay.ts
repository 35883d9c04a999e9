// SPDX-License-Identifier: Apache-2.0
// How long a pod may stay on a node with NoExecute taints.
import type { Taint, Toleration } from '../../../kube/types.gen.ts'
import { tolerates } from '../scheduler/taints.ts'

/** Milliseconds from when the taints were noticed; 0: not at all; Infinity: for ever. */
export function evictionDelayMs(
  taints: readonly Taint[] = [],
  tolerations: readonly Toleration[] = [],
): number {
  let delayMs = Infinity
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue
    const used = tolerations.find((toleration) => tolerates(toleration, taint))
    if (!used) return 0
    if (used.tolerationSeconds !== undefined) {
      delayMs = Math.min(delayMs, Math.max(used.tolerationSeconds, 0) * 1000)
    }
  }
  return delayMs
}
