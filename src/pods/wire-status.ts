// SPDX-License-Identifier: Apache-2.0
// The status that a pod should have in the API, from what is known of it. Pure. Phase and conditions
// are computed by the runtime's rules; here containers the backend has not named yet are filled in,
// addresses set, and the status of a pod that ends is made final: no terminal phase before nothing can
// run, no container left `running` in one.
import type { Pod, PodCondition, PodStatus } from '../kube/types.gen.ts'
import type { ObservedPod } from '../provider/provider.ts'
import { computeConditions } from '../runtime/decide/pod-conditions.ts'
import { computePhase } from '../runtime/decide/pod-phase.ts'
import type { PodPhase } from '../runtime/decide/pod-phase.ts'
import { wireTime } from '../util/wire-time.ts'
import { isDeleting, isTerminal, mayRun } from './decide-pod.ts'
import type { KnownPod, Problem } from './known-pod.ts'
import { withResizes } from './resize-conditions.ts'
import { allContainers, asRun, finalContainers, lastKnown, statusesOf } from './wire-containers.ts'
import type { Containers } from './wire-containers.ts'

export interface StatusContext {
  /** Addresses of the node, one per family. */
  readonly nodeIPs: readonly string[]
  readonly nowMs: number
  readonly isDraining: boolean
  readonly problem: Problem | undefined
}

/** Reason and message of a pod that this node ended because it shuts down. */
export const shutdownFailure: Problem = {
  reason: 'Terminated',
  message: 'Pod was terminated in response to imminent node shutdown.',
}

/**
 * What the API should say, or undefined when there is nothing to say now: the API's status is final, or
 * we know less than it does (a pod that is being created again).
 */
export function wireStatus(known: KnownPod, context: StatusContext): PodStatus | undefined {
  const { api, verdict } = known
  if (!api || isTerminal(api)) return undefined
  if (verdict?.kind === 'rejected') {
    const { reason, message } = verdict
    return rejected(api, { reason, message: `Pod was rejected: ${message}` }, context)
  }
  if (isOver(known, context)) return endedStatus(known, api, context)
  if (verdict === undefined && !known.observed) return undefined
  return liveStatus(known, api, context)
}

/** Nothing of the pod runs, and nothing will. */
function isOver(known: KnownPod, { isDraining }: StatusContext): boolean {
  if (known.observed?.hasEnded || known.isLost) return true
  if (mayRun(known) || !known.api) return false
  return isDeleting(known.api) || (isDraining && known.verdict?.kind === 'admitted')
}

function rejected(api: Pod, { reason, message }: Problem, context: StatusContext): PodStatus {
  return {
    phase: 'Failed',
    reason,
    message,
    startTime: api.status?.startTime ?? wireTime(context.nowMs),
    ...generationOf({}, api),
  }
}

function liveStatus(known: KnownPod, api: Pod, context: StatusContext): PodStatus | undefined {
  const { observed, verdict } = known
  const isUnsupported = verdict?.kind === 'unsupported'
  const problem: Problem | undefined = isUnsupported
    ? { reason: 'UnsupportedPodSpec', message: verdict.message }
    : context.problem
  // A pod that is created again after a loss: its old status stays until there is a new one.
  if (!observed && !problem && api.status?.containerStatuses?.length) return undefined
  const pod = asRun(api, observed)
  const containers = allContainers(pod, observed, { problem, refused: known.refused })
  const { isSandboxReady = false, failure } = observed ?? {}
  const computed = computePhase(pod, { ...containers, hasEnded: false, failure })
  const isFinal = computed === 'Succeeded' || computed === 'Failed'
  // Terminal only with the backend's word that nothing will be started again.
  // Nor does a pod that has run become Pending again, though its init containers may run anew.
  const phase = isFinal || computed === 'Pending' ? runningOrPending(api) : computed
  return {
    phase,
    conditions: conditionsOf(known, pod, { containers, isSandboxReady, phase, context }),
    ...statusesOf(containers),
    ...observed?.podLevel,
    ...addressesOf(api, observed, context),
    ...(!isUnsupported && { startTime: startTimeOf(api, observed, context) }),
    ...generationOf(known, api),
  }
}

function endedStatus(known: KnownPod, api: Pod, context: StatusContext): PodStatus {
  const { observed } = known
  const failure =
    observed?.failure ??
    (context.isDraining && !isDeleting(api) && known.ending ? shutdownFailure : undefined)
  const source = lastKnown(api, observed)
  const pod = asRun(api, source)
  const { refused } = known
  const containers = finalContainers(pod, source, { refused, nowMs: context.nowMs })
  const phase = finalPhase(pod, containers, { failure, isShutdown: failure === shutdownFailure })
  const conditions = conditionsOf(known, pod, { containers, isSandboxReady: false, phase, context })
  const generation = generationOf(known, api).observedGeneration
  const { nowMs } = context
  return {
    phase,
    ...(failure && { reason: failure.reason, message: failure.message }),
    conditions:
      failure && isDisruption(failure)
        ? withDisruption(conditions, failure, { generation, nowMs })
        : conditions,
    ...statusesOf(containers),
    ...observed?.podLevel,
    ...addressesOf(api, observed, context),
    startTime: startTimeOf(api, observed, context),
    ...generationOf(known, api),
  }
}

function finalPhase(
  api: Pod,
  containers: Containers,
  { failure, isShutdown }: { readonly failure: Problem | undefined; readonly isShutdown: boolean },
): PodPhase {
  if (isShutdown) return 'Failed'
  return computePhase(api, { ...containers, hasEnded: true, failure })
}

interface Conditioned {
  readonly containers: Containers
  readonly isSandboxReady: boolean
  readonly phase: PodPhase
  readonly context: StatusContext
}

function conditionsOf(
  known: KnownPod,
  api: Pod,
  { containers, isSandboxReady, phase, context }: Conditioned,
): readonly PodCondition[] {
  const { observedGeneration } = generationOf(known, api)
  const conditions = computeConditions(api, {
    phase,
    observed: { ...containers, isSandboxReady, observedGeneration },
    previous: api.status?.conditions ?? [],
    nowMs: context.nowMs,
  })
  const isFinal = phase === 'Succeeded' || phase === 'Failed'
  return withResizes(conditions, isFinal ? {} : known.resize, context.nowMs)
}

/** The node itself has ended the pod: for want of something, for another pod, or because it shuts down. */
function isDisruption({
  reason,
  isOwnFault = false,
}: NonNullable<ObservedPod['failure']>): boolean {
  if (isOwnFault) return false
  return reason === shutdownFailure.reason || reason === 'Evicted' || reason === 'Preempting'
}

function withDisruption(
  conditions: readonly PodCondition[],
  { message }: Problem,
  { generation, nowMs }: { readonly generation: number | undefined; readonly nowMs: number },
): readonly PodCondition[] {
  const disruption: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'TerminationByKubelet',
    message,
    lastTransitionTime: wireTime(nowMs),
    ...(generation !== undefined && { observedGeneration: generation }),
  }
  return [...conditions.filter(({ type }) => type !== disruption.type), disruption]
}

function addressesOf(
  api: Pod,
  observed: ObservedPod | undefined,
  { nodeIPs }: StatusContext,
): PodStatus {
  const hostIPs = observed?.hostIPs?.length ? observed.hostIPs : nodeIPs
  const known = observed?.podIPs ?? []
  const podIPs = known.length === 0 && api.spec.hostNetwork && observed ? hostIPs : known
  // Addresses of a pod that has lost its sandbox stay what the API has.
  const kept = podIPs.length > 0 ? podIPs : (api.status?.podIPs ?? []).map(({ ip }) => ip)
  return {
    ...(hostIPs[0] !== undefined && { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) }),
    ...(kept[0] !== undefined && { podIP: kept[0], podIPs: kept.map((ip) => ({ ip })) }),
  }
}

function startTimeOf(
  api: Pod,
  observed: ObservedPod | undefined,
  { nowMs }: StatusContext,
): string {
  return api.status?.startTime ?? observed?.startTime?.replace(/\.\d+/, '') ?? wireTime(nowMs)
}

// Never lowered, and left out where the API server does not count generations. A deletion is a generation
// of its own, which has been acted on once the backend has accepted it.
function generationOf(
  { accepted, observed, ending }: Partial<KnownPod>,
  api: Pod,
): { readonly observedGeneration?: number } {
  const isToldOfEnd = ending !== undefined && isDeleting(api)
  const actedOn = isToldOfEnd ? api : (accepted ?? api)
  const now =
    (isToldOfEnd ? undefined : observed?.observedGeneration) ?? actedOn.metadata.generation
  const generation = Math.max(now ?? 0, api.status?.observedGeneration ?? 0)
  return generation > 0 ? { observedGeneration: generation } : {}
}

function runningOrPending(api: Pod): PodPhase {
  return api.status?.phase === 'Running' ? 'Running' : 'Pending'
}
