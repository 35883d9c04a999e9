// SPDX-License-Identifier: Apache-2.0
// Conditions of a Deployment. One that says the same as before (status and reason) is left as it was;
// its transition time changes with its status only.
import type { DeploymentCondition } from '../../../kube/types.gen.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { conditionOf, withCondition } from '../workload/status-fields.ts'

export type Conditions = readonly DeploymentCondition[]

export interface ConditionWords {
  readonly type: 'Progressing' | 'Available'
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

export function setCondition(
  conditions: Conditions,
  words: ConditionWords,
  nowMs: number,
): Conditions {
  const old = conditionOf(conditions, words.type)
  return old?.status === words.status && old.reason === words.reason
    ? conditions
    : renewCondition(conditions, words, nowMs)
}

/** Like `setCondition`, but for the update time, which is now in any case. */
export function renewCondition(
  conditions: Conditions,
  words: ConditionWords,
  nowMs: number,
): Conditions {
  const old = conditionOf(conditions, words.type)
  const now = wireTime(nowMs)
  const since = old?.status === words.status ? (old.lastTransitionTime ?? now) : now
  return withCondition(conditions, { ...words, lastUpdateTime: now, lastTransitionTime: since })
}
