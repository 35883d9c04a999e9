// SPDX-License-Identifier: Apache-2.0
// Why a pod could not be placed, in the words of kube-scheduler: people read them in `kubectl describe`
// and tools match on them.
import type { Placement } from './decide-placement.ts'
import type { Preemption } from './preemption.ts'

/** Of a cluster without nodes. */
export const noNodesMessage = 'no nodes available to schedule pods'

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). …`. */
export function unplacedMessage(
  placement: Extract<Placement, { readonly nodeName: undefined }>,
  preemption: Preemption,
  nodeCount: number,
): string {
  if (nodeCount === 0) return noNodesMessage
  const available = `0/${nodeCount} nodes are available:`
  // What kube-scheduler's resource claims say at the end, although there are none: `not found` when the
  // nodes were not looked at, the other sentence when they were.
  if (placement.general !== undefined) return `${available} ${placement.general}. not found`
  const parts = [available, ...refusalPart(placement, nodeCount)]
  if (preemption.nodeName === undefined) {
    const why = preemptionPart(preemption.why, nodeCount)
    parts.push(`no new claims to deallocate, preemption: ${why}`)
  }
  return parts.join(' ')
}

/** Events hold 1024 characters; longer messages are cut as kube-scheduler cuts them. */
export function eventMessage(message: string): string {
  return message.length <= 1024 ? message : `${message.slice(0, 1020)} ...`
}

function refusalPart(
  { refusals, absentReason }: Extract<Placement, { readonly nodeName: undefined }>,
  nodeCount: number,
): readonly string[] {
  const reasons = [...refusals.values()].flatMap((refusal) => refusal.reasons)
  return histogram(reasons, { nodeCount: nodeCount - refusals.size, reason: absentReason })
}

function preemptionPart(
  why: Extract<Preemption, { readonly nodeName: undefined }>['why'],
  nodeCount: number,
): string {
  if ('sentence' in why) return why.sentence
  const reasons = [...why.reasons.values()].flat()
  const absent = {
    nodeCount: nodeCount - why.reasons.size,
    reason: 'Preemption is not helpful for scheduling',
  }
  return [`0/${nodeCount} nodes are available:`, ...histogram(reasons, absent)].join(' ')
}

function histogram(
  reasons: readonly string[],
  absent: { readonly nodeCount: number; readonly reason: string | undefined },
): readonly string[] {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  if (absent.nodeCount > 0 && absent.reason !== undefined) {
    counts.set(absent.reason, (counts.get(absent.reason) ?? 0) + absent.nodeCount)
  }
  // Sorted as texts, so that 10 comes before 2; kube-scheduler does the same.
  const sentences = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return sentences.length === 0 ? [] : [`${sentences.join(', ')}.`]
}
