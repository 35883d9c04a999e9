// SPDX-License-Identifier: Apache-2.0
// The taints that follow from a node's conditions: NoSchedule for each of them at once, NoExecute for a
// node that is not ready when evictions may go on. All other taints are left as they are.
import type { Node, Taint } from '../../../kube/types.gen.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { conditionOf } from '../workload/status-fields.ts'

export const notReadyKey = 'node.kubernetes.io/not-ready'
export const unreachableKey = 'node.kubernetes.io/unreachable'
const unschedulableKey = 'node.kubernetes.io/unschedulable'

const keyOfCondition: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: notReadyKey, Unknown: unreachableKey },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
}
const ownKeys = new Set([
  unschedulableKey,
  ...Object.values(keyOfCondition).flatMap((keys) => Object.values(keys)),
])

/** What may be done about pods on nodes that are not ready. */
export type EvictionMode =
  /** Such a node gets its taint. */
  | 'evict'
  /** A taint that is there follows the condition; none is added. */
  | 'hold'
  /** No node at all is ready: rather the control plane is cut off than all nodes. None is tainted. */
  | 'none'

/** The taints the node shall have, or undefined when it has them. */
export function taintsFor(
  node: Node,
  { mode, nowMs }: { readonly mode: EvictionMode; readonly nowMs: number },
): readonly Taint[] | undefined {
  const taints = node.spec?.taints ?? []
  const wanted = [...scheduleTaints(node), ...executeTaints(node, mode)]
  const isWanted = (taint: Taint): boolean => wanted.some((one) => isSame(one, taint))
  const kept = taints.filter((taint) => !isOwn(taint) || isWanted(taint))
  const added = wanted.filter((taint) => !taints.some((one) => isSame(one, taint)))
  if (kept.length === taints.length && added.length === 0) return undefined
  const timeAdded = wireTime(nowMs)
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded }))]
}

/** Whether the node is not ready and has no NoExecute taint for that yet. */
export function needsEvictionTaint(node: Node): boolean {
  const key = evictionKey(node)
  const taints = node.spec?.taints ?? []
  return key !== undefined && !taints.some((taint) => isExecuteTaint(taint))
}

function scheduleTaints({ spec, status }: Node): readonly Taint[] {
  const keys = (status?.conditions ?? [])
    .map((condition) => keyOfCondition[condition.type]?.[condition.status])
    .filter((key) => key !== undefined)
  if (spec?.unschedulable) keys.push(unschedulableKey)
  return keys.map((key) => ({ key, effect: 'NoSchedule' }))
}

function executeTaints(node: Node, mode: EvictionMode): readonly Taint[] {
  const { status, spec } = node
  const present = (spec?.taints ?? []).filter(isExecuteTaint)
  // Nothing is known of a node that has not reported yet.
  if (!conditionOf(status?.conditions, 'Ready')) return present
  const key = evictionKey(node)
  if (key === undefined || mode === 'none') return []
  if (mode === 'hold' && present.length === 0) return []
  return [{ key, effect: 'NoExecute' }]
}

function evictionKey({ status }: Node): string | undefined {
  return keyOfCondition['Ready']?.[conditionOf(status?.conditions, 'Ready')?.status ?? '']
}

function isExecuteTaint({ key, effect }: Taint): boolean {
  return effect === 'NoExecute' && (key === notReadyKey || key === unreachableKey)
}

function isOwn(taint: Taint): boolean {
  return isExecuteTaint(taint) || (taint.effect === 'NoSchedule' && ownKeys.has(taint.key))
}

function isSame(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect
}
