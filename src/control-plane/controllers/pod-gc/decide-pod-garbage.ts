// SPDX-License-Identifier: Apache-2.0
// Which pods nobody will end any more: those of nodes that are gone or out of service, those that were
// deleted before they had a node, and the oldest of those that ended long ago.
import type { Node, Pod } from '../../../kube/types.gen.ts'
import { isPodTerminal } from '../workload/pod-facts.ts'
import { conditionOf } from '../workload/status-fields.ts'

export interface PodGarbage {
  readonly pod: Pod
  readonly why: 'terminated' | 'outOfService' | 'orphaned' | 'unscheduled'
}

export interface PodGarbageInput {
  readonly pods: readonly Pod[]
  readonly nodeOf: (name: string) => Node | undefined
  /** Names of nodes that have been missing for long enough. */
  readonly lostNodes: ReadonlySet<string>
  /** How many pods that have ended are kept; 0: all. */
  readonly terminatedThreshold: number
}

/** The pods that are to be deleted without grace, each once. */
export function decidePodGarbage(input: PodGarbageInput): readonly PodGarbage[] {
  const { pods, nodeOf, lostNodes, terminatedThreshold } = input
  const terminal = terminatedThreshold > 0 ? pods.filter(isPodTerminal) : []
  const excess = Math.max(terminal.length - terminatedThreshold, 0)
  const surplus = new Set(excess > 0 ? [...terminal].sort(byAge).slice(0, excess) : [])
  return pods.flatMap((pod): readonly PodGarbage[] => {
    const nodeName = pod.spec.nodeName ?? ''
    const isTerminating = pod.metadata.deletionTimestamp !== undefined
    if (surplus.has(pod)) return [{ pod, why: 'terminated' }]
    if (nodeName === '') return isTerminating ? [{ pod, why: 'unscheduled' }] : []
    if (lostNodes.has(nodeName)) return [{ pod, why: 'orphaned' }]
    const node = isTerminating ? nodeOf(nodeName) : undefined
    return node && isOutOfService(node) ? [{ pod, why: 'outOfService' }] : []
  })
}

function isOutOfService({ spec, status }: Node): boolean {
  const isReady = conditionOf(status?.conditions, 'Ready')?.status === 'True'
  return (
    !isReady && (spec?.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/out-of-service')
  )
}

// Evicted ones go first, then the oldest.
function byAge(a: Pod, b: Pod): number {
  const evicted = ({ status }: Pod): number =>
    status?.phase === 'Failed' && status.reason === 'Evicted' ? 0 : 1
  const createdAt = ({ metadata }: Pod): string => metadata.creationTimestamp ?? ''
  return (
    evicted(a) - evicted(b) ||
    compareText(createdAt(a), createdAt(b)) ||
    compareText(a.metadata.name, b.metadata.name)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
