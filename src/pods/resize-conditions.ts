// SPDX-License-Identifier: Apache-2.0
// The conditions that tell of a pod's in-place resizes. Each is there only while there is something to tell.
import type { PodCondition } from '../kube/types.gen.ts'
import { wireTime } from '../util/wire-time.ts'
import type { ResizeState } from './resize-state.ts'

/** Types that are taken away when they are over. */
export const resizeConditionTypes = ['PodResizePending', 'PodResizeInProgress'] as const

/** The conditions with those of resizes as they are now; of a pod that has ended there are none. */
export function withResizes(
  conditions: readonly PodCondition[],
  { pending, underWay }: ResizeState,
  nowMs: number,
): readonly PodCondition[] {
  const others = conditions.filter(({ type }) => !isOfResize(type))
  const condition = (type: string, more: Partial<PodCondition>): PodCondition => {
    const before = conditions.find((one) => one.type === type)
    const isSame = before?.reason === more.reason && before?.lastTransitionTime !== undefined
    const lastTransitionTime = isSame ? before.lastTransitionTime : wireTime(nowMs)
    return { type, status: 'True', lastTransitionTime, ...more }
  }
  return [
    ...others,
    ...(pending
      ? [
          condition('PodResizePending', {
            reason: pending.reason,
            message: pending.message,
            ...generation(pending.generation),
          }),
        ]
      : []),
    ...(underWay
      ? [
          condition('PodResizeInProgress', {
            ...(underWay.error !== undefined && { reason: 'Error', message: underWay.error }),
            ...generation(underWay.generation),
          }),
        ]
      : []),
  ]
}

function isOfResize(type: string): boolean {
  return resizeConditionTypes.some((one) => one === type)
}

function generation(of: number): Pick<PodCondition, 'observedGeneration'> {
  return of > 0 ? { observedGeneration: of } : {}
}
