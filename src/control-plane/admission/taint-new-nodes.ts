// SPDX-License-Identifier: Apache-2.0
// A new node gets no pods before the node lifecycle controller has seen it ready.
import type { Node } from '../../kube/types.gen.ts'
import type { AdmissionPlugin } from './admission.ts'
import { targetOf } from './forbid.ts'

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate(object, request) {
    if (targetOf(request) !== 'nodes' || request.operation !== 'CREATE') return object
    const { spec } = object as unknown as Partial<Node>
    const taints = spec?.taints ?? []
    const isThere = taints.some(
      ({ effect, key }) => key === notReady.key && effect === notReady.effect,
    )
    if (isThere) return object
    return { ...object, spec: { ...spec, taints: [...taints, notReady] } }
  },
}
