// SPDX-License-Identifier: Apache-2.0
// How a pod of a request becomes one that may be stored.
import type { Pod } from '../../../kube/types.gen.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import type { Strategy } from '../resource-definition.ts'

export const podStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  newStatus: { phase: 'Pending', qosClass: 'BestEffort' },
  gracePeriodSeconds: (object, requested) => {
    const { spec, status } = asKind<Pod>(object)
    const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    if (isOver || (spec.nodeName ?? '') === '') return 0
    const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 0
    return seconds < 0 ? 1 : seconds
  },
})
