// SPDX-License-Identifier: Apache-2.0
// Whether a node is to have a DaemonSet's pod, and whether one that it has may stay.
import type { DaemonSet, Node } from '../../../kube/types.gen.ts'
import { requiredNodes } from '../scheduler/node-affinity.ts'
import { isTolerated } from '../scheduler/taints.ts'
import { daemonTolerations } from './daemon-pod.ts'

export interface NodeFit {
  /** A pod is to be made when there is none. */
  readonly shouldRun: boolean
  /** A pod that is there is left alone. */
  readonly mayStay: boolean
}

/** Judges nodes for one DaemonSet. */
export function nodeFitter({ metadata, spec }: DaemonSet): (node: Node) => NodeFit {
  const template = spec.template.spec ?? { containers: [] }
  const matches = requiredNodes({ metadata, spec: template })
  const tolerations = daemonTolerations(template)
  return (node) => {
    const { nodeName = '' } = template
    const isNamed = nodeName === '' || nodeName === node.metadata.name
    if (!isNamed || (matches && !matches(node))) return { shouldRun: false, mayStay: false }
    const untolerated = (node.spec.taints ?? []).filter(
      (taint) => taint.effect !== 'PreferNoSchedule' && !isTolerated(taint, tolerations),
    )
    const mayStay = untolerated.every(({ effect }) => effect !== 'NoExecute')
    return { shouldRun: untolerated.length === 0, mayStay }
  }
}
