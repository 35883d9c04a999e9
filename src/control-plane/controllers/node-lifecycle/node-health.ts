// SPDX-License-Identifier: Apache-2.0
// Whether a node is still alive, judged by this process's clock: what counts is that a heartbeat is
// another one than before, never the time that the node wrote into it. A node that is silent for too
// long has its conditions set to Unknown; only the node itself sets them back.
import type { Lease, Node, NodeCondition } from '../../../kube/types.gen.ts'
import { wireTime, parseWireTime } from '../../../util/wire-time.ts'
import { conditionOf } from '../workload/status-fields.ts'

/** What is remembered of a node between two looks. */
export interface NodeHealth {
  /** When a heartbeat was last seen. */
  readonly probeMs: number
  /** Of condition Ready; undefined when the node has none. */
  readonly heartbeat: string | undefined
  readonly leaseRenewTime: string | undefined
}

export interface HealthOptions {
  /** Silence of a node that has reported its status before. */
  readonly graceMs: number
  /** Silence of one that never has. */
  readonly startupGraceMs: number
}

export interface HealthVerdict {
  readonly health: NodeHealth
  /** Conditions to be written, when the node has been silent for too long. */
  readonly conditions: readonly NodeCondition[] | undefined
}

const judgedTypes = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const

/** Looks at a node; `before` is what the last look remembered. */
export function judgeHealth(
  { node, lease }: { readonly node: Node; readonly lease: Lease | undefined },
  before: NodeHealth | undefined,
  { nowMs, graceMs, startupGraceMs }: HealthOptions & { readonly nowMs: number },
): HealthVerdict {
  const ready = conditionOf(node.status?.conditions, 'Ready')
  const heartbeat = ready?.lastHeartbeatTime ?? (ready ? '' : undefined)
  const leaseRenewTime = lease?.spec?.renewTime
  const isBeating =
    (heartbeat !== undefined && before?.heartbeat !== heartbeat) ||
    (leaseRenewTime !== undefined && (before?.leaseRenewTime ?? '') < leaseRenewTime)
  const createdMs = parseWireTime(node.metadata.creationTimestamp) ?? nowMs
  const probeMs = isBeating ? nowMs : (before?.probeMs ?? (ready ? nowMs : createdMs))
  const health = {
    probeMs,
    heartbeat,
    leaseRenewTime: leaseRenewTime ?? before?.leaseRenewTime,
  }
  const isSilent = nowMs > probeMs + (ready ? graceMs : startupGraceMs)
  if (!isSilent || ready?.status === 'Unknown') return { health, conditions: undefined }
  return { health, conditions: unknownConditions(node, nowMs) }
}

function unknownConditions(node: Node, nowMs: number): readonly NodeCondition[] {
  const lastTransitionTime = wireTime(nowMs)
  const known = node.status?.conditions ?? []
  const changed = known.map((condition) => {
    const isJudged = (judgedTypes as readonly string[]).includes(condition.type)
    if (!isJudged || condition.status === 'Unknown') return condition
    return {
      ...condition,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime,
    }
  })
  const missing = judgedTypes.filter((type) => !known.some((one) => one.type === type))
  const { creationTimestamp } = node.metadata
  return [
    ...changed,
    ...missing.map((type) => ({
      type,
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
      ...(creationTimestamp !== undefined && { lastHeartbeatTime: creationTimestamp }),
      lastTransitionTime,
    })),
  ]
}
