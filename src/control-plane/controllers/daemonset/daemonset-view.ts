// SPDX-License-Identifier: Apache-2.0
// A DaemonSet, the nodes, and its pods by the node that they are for. Pure.
import type { DaemonSet, Node, Pod } from '../../../kube/types.gen.ts'
import { isPodAvailable, isPodTerminal } from '../workload/pod-facts.ts'
import { targetNodeOf } from './daemon-pod.ts'
import { nodeFitter } from './node-fit.ts'
import type { NodeFit } from './node-fit.ts'

export interface DaemonSetSnapshot {
  readonly set: DaemonSet
  readonly nodes: readonly Node[]
  readonly pods: readonly Pod[]
  /** Of the revision of the present template. */
  readonly hash: string
  readonly nowMs: number
}

export interface NodeView extends NodeFit {
  readonly name: string
  /** Scheduled ones first, then the oldest; what has ended and is being deleted is left out. */
  readonly pods: readonly Pod[]
}

export interface DaemonSetView extends DaemonSetSnapshot {
  readonly nodeViews: readonly NodeView[]
  /** Pods that wait for a node that does not exist. */
  readonly stranded: readonly Pod[]
  readonly isAvailable: (pod: Pod) => boolean
}

export function viewDaemonSet(snapshot: DaemonSetSnapshot): DaemonSetView {
  const { set, nodes, pods, nowMs } = snapshot
  const { minReadySeconds = 0 } = set.spec
  const fit = nodeFitter(set)
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    const nodeName = targetNodeOf(pod)
    const isOver = isPodTerminal(pod) && pod.metadata.deletionTimestamp !== undefined
    if (nodeName === undefined || isOver) continue
    const others = byNode.get(nodeName)
    if (others) others.push(pod)
    else byNode.set(nodeName, [pod])
  }
  const nodeViews = nodes.map((node) => {
    const { name } = node.metadata
    const own = (byNode.get(name) ?? []).toSorted(byAge)
    byNode.delete(name)
    return { name, pods: own, ...fit(node) }
  })
  const lost = [...byNode.values()].flat()
  return {
    ...snapshot,
    nodeViews,
    stranded: lost.filter(({ spec }) => (spec.nodeName ?? '') === ''),
    isAvailable: (pod) => isPodAvailable(pod, { minReadySeconds, nowMs }),
  }
}

function byAge(a: Pod, b: Pod): number {
  const isAssigned = ({ spec }: Pod): number => ((spec.nodeName ?? '') === '' ? 1 : 0)
  if (isAssigned(a) !== isAssigned(b)) return isAssigned(a) - isAssigned(b)
  const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (x !== y) return x < y ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}
