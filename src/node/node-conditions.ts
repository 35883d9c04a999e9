// SPDX-License-Identifier: Apache-2.0
// The conditions that a node reports, in the kubelet's literal words, and the events that their
// changes make. Ready comes last: it sums the others up, and readers see it at the end.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type { NodeCondition } from '../kube/types.gen.ts'

/** A condition without its times, which depend on what the API server has. */
export type DesiredCondition = Readonly<
  Required<Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>>
>

export interface ConditionFacts {
  /** Why the node takes no pods; empty: it is ready. */
  readonly obstacles: readonly string[]
  /** Set while the node goes down; takes the place of every other obstacle. */
  readonly shutdown?: { readonly reason: string; readonly message: string } | undefined
  /** The backend's own; each replaces ours of its type. */
  readonly described?: readonly NodeCondition[]
}

const healthy: readonly DesiredCondition[] = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
]

/** The node's conditions now, Ready last. */
export function desiredConditions(facts: ConditionFacts): readonly DesiredCondition[] {
  const conditions = new Map(healthy.map((condition) => [condition.type, condition]))
  for (const { type, status, reason = '', message = '' } of facts.described ?? []) {
    conditions.set(type, { type, status, reason, message })
  }
  const described = conditions.get('Ready')
  conditions.delete('Ready')
  return [...conditions.values(), readyCondition(facts, described)]
}

function readyCondition(
  { obstacles, shutdown }: ConditionFacts,
  described: DesiredCondition | undefined,
): DesiredCondition {
  const type = 'Ready'
  if (shutdown) return { type, status: 'False', ...shutdown }
  if (obstacles.length > 0) {
    return { type, status: 'False', reason: 'KubeletNotReady', message: obstacles.join('; ') }
  }
  if (described) return described
  const message = 'kubelet is posting ready status'
  return { type, status: 'True', reason: 'KubeletReady', message }
}

// Event reasons of a condition's two ends: when it turns True, when it turns anything else.
const reasons: Readonly<Record<string, readonly [whenTrue: string, whenFalse: string]>> = {
  Ready: ['NodeReady', 'NodeNotReady'],
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
}

/**
 * The events that tell of the way from one report of a node to the next. Without an earlier report
 * only Ready is told of: nobody needs to hear that there is no pressure.
 */
export function conditionEvents(
  nodeName: string,
  change: {
    readonly before: readonly DesiredCondition[] | undefined
    readonly after: readonly DesiredCondition[]
  },
): readonly RecordedEvent[] {
  const { before, after } = change
  const events: RecordedEvent[] = []
  for (const { type, status } of after) {
    const previous = before?.find((condition) => condition.type === type)
    const [whenTrue, whenFalse] = reasons[type] ?? []
    if (whenTrue === undefined || whenFalse === undefined) continue
    if (previous ? previous.status === status : type !== 'Ready') continue
    const reason = status === 'True' ? whenTrue : whenFalse
    events.push({ type: 'Normal', reason, message: `Node ${nodeName} status is now: ${reason}` })
  }
  return events
}
