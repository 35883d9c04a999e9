// SPDX-License-Identifier: Apache-2.0
// The conditions that a node writes into a pod's status. Those of others (readiness gates, scheduler,
// disruption controllers) are handed back untouched, and always before our own.
import type { ContainerStatus, Pod, PodCondition } from '../../kube/types.gen.ts'
import { resetReason } from './container-record.ts'
import type { PodPhase } from './pod-phase.ts'
import { exitCodeOf } from './pod-phase.ts'
import { canRestartAll, isSidecar } from './restart-policy.ts'
import { wireTime } from '../../util/wire-time.ts'

/** The part of ObservedPod that decides the conditions. */
export interface ConditionsObserved {
  readonly isSandboxReady: boolean
  readonly containers: readonly ContainerStatus[]
  readonly initContainers: readonly ContainerStatus[]
  readonly observedGeneration?: number | undefined
}

export interface ConditionsInput {
  readonly phase: PodPhase
  readonly observed: ConditionsObserved
  /** What the API or we ourselves had before, foreign conditions included. */
  readonly previous: readonly PodCondition[]
  readonly nowMs: number
}

/** The types written here, in the order in which they are written. */
export const ownedConditionTypes = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'AllContainersRestarting',
] as const

type OwnedType = (typeof ownedConditionTypes)[number]

interface Verdict {
  readonly status: 'True' | 'False'
  readonly reason?: string
  readonly message?: string
}

const yes: Verdict = { status: 'True' }

/** All conditions of the pod's status, foreign ones first. `lastTransitionTime` moves with `status`. */
export function computeConditions(pod: Pod, input: ConditionsInput): readonly PodCondition[] {
  const { observed, previous, phase } = input
  const containersReady = judgeContainersReady(pod, input)
  const verdicts: Record<OwnedType, Verdict> = {
    PodReadyToStartContainers: { status: observed.isSandboxReady ? 'True' : 'False' },
    Initialized: judgeInitialized(pod, input),
    Ready: judgeReady(pod, containersReady, previous),
    ContainersReady: containersReady,
    PodScheduled: yes,
    AllContainersRestarting: judgeRestartingAll(phase, observed),
  }
  const isAsked = canRestartAll(pod.spec)
  const owned: ReadonlySet<string> = new Set(ownedConditionTypes)
  return [
    ...previous.filter(({ type }) => !owned.has(type)),
    ...ownedConditionTypes
      .filter((type) => isAsked || type !== 'AllContainersRestarting')
      .map((type) => toCondition(type, verdicts[type], { pod, input })),
  ]
}

function toCondition(
  type: OwnedType,
  verdict: Verdict,
  { pod, input }: { readonly pod: Pod; readonly input: ConditionsInput },
): PodCondition {
  const before = input.previous.find((condition) => condition.type === type)
  const isSame = before?.status === verdict.status && before.lastTransitionTime !== undefined
  const generation = Math.max(
    input.observed.observedGeneration ?? pod.metadata.generation ?? 0,
    before?.observedGeneration ?? 0,
  )
  return {
    type,
    ...verdict,
    lastTransitionTime: isSame ? before.lastTransitionTime : wireTime(input.nowMs),
    ...(generation > 0 && { observedGeneration: generation }),
  }
}

function judgeInitialized(pod: Pod, { phase, observed, previous }: ConditionsInput): Verdict {
  const initSpecs = pod.spec.initContainers ?? []
  const byName = new Map(observed.initContainers.map((status) => [status.name, status]))
  const unknown = initSpecs.filter(({ name }) => !byName.has(name))
  const incomplete = initSpecs.filter((container) => {
    const status = byName.get(container.name)
    return status !== undefined && !(isSidecar(container) ? status.started : status.ready)
  })
  if (phase === 'Succeeded' && unknown.length === 0) return { ...yes, reason: 'PodCompleted' }
  if (observed.containers.some((status) => hasStarted(pod, status))) return yes
  // Containers that are started anew in place take nothing back.
  const wasInitialized = previous.some(
    ({ type, status }) => type === 'Initialized' && status === 'True',
  )
  if (wasInitialized) return yes
  const message = join([
    naming('containers with unknown status', unknown),
    naming('containers with incomplete status', incomplete),
  ])
  return message === '' ? yes : { status: 'False', reason: 'ContainersNotInitialized', message }
}

function judgeRestartingAll(phase: PodPhase, observed: ConditionsObserved): Verdict {
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const all = [...observed.initContainers, ...observed.containers]
  if (!all.some(({ state }) => state?.waiting?.reason === resetReason)) return { status: 'False' }
  return {
    status: 'True',
    reason: 'RestartAllContainersStarted',
    message: 'container exited with restart policy rule',
  }
}

function judgeContainersReady(pod: Pod, { phase, observed }: ConditionsInput): Verdict {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar)
  const statuses = [...observed.initContainers, ...observed.containers]
  if (observed.containers.length === 0 && phase !== 'Failed') {
    return { status: 'False', reason: 'UnknownContainerStatuses' }
  }
  const byName = new Map(statuses.map((status) => [status.name, status]))
  const watched = [...sidecars, ...pod.spec.containers]
  const unknown = watched.filter(({ name }) => !byName.has(name))
  const unready = watched.filter(({ name }) => byName.get(name)?.ready === false)
  if (phase === 'Succeeded' && unknown.length === 0) {
    return { status: 'False', reason: 'PodCompleted' }
  }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const message = join([
    naming('containers with unknown status', unknown),
    naming('containers with unready status', unready),
  ])
  return message === '' ? yes : { status: 'False', reason: 'ContainersNotReady', message }
}

function judgeReady(
  pod: Pod,
  containersReady: Verdict,
  previous: readonly PodCondition[],
): Verdict {
  if (containersReady.status === 'False') return containersReady
  const complaints = (pod.spec.readinessGates ?? []).map(({ conditionType }) => {
    const condition = previous.find(({ type }) => type === conditionType)
    if (!condition) {
      return `corresponding condition of pod readiness gate "${conditionType}" does not exist.`
    }
    if (condition.status === 'True') return ''
    return `the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`
  })
  const message = join(complaints)
  return message === '' ? yes : { status: 'False', reason: 'ReadinessGatesNotReady', message }
}

function hasStarted(pod: Pod, status: ContainerStatus): boolean {
  const isRegular = pod.spec.containers.some(({ name }) => name === status.name)
  return isRegular && (status.state?.running !== undefined || exitCodeOf(status) !== undefined)
}

function naming(what: string, containers: readonly { readonly name: string }[]): string {
  if (containers.length === 0) return ''
  return `${what}: [${containers.map(({ name }) => name).join(' ')}]`
}

function join(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ')
}
