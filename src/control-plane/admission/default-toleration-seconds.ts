// SPDX-License-Identifier: Apache-2.0
// Pods stay five minutes on a node that is not ready or cannot be reached, unless they say otherwise.
import type { Pod, Toleration } from '../../kube/types.gen.ts'
import type { AdmissionPlugin } from './admission.ts'
import { targetOf } from './forbid.ts'

const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate(object, request) {
    if (targetOf(request) !== 'pods') return object
    const { spec } = object as unknown as Pod
    if (!spec) return object
    const { tolerations = [] } = spec
    const missing = keys.filter((key) => !tolerations.some((one) => tolerates(one, key)))
    if (missing.length === 0) return object
    const added = missing.map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    }))
    return { ...object, spec: { ...spec, tolerations: [...tolerations, ...added] } }
  },
}

function tolerates({ effect = '', key: own = '' }: Toleration, key: string): boolean {
  return (own === '' || own === key) && (effect === '' || effect === 'NoExecute')
}
