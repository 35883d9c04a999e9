// SPDX-License-Identifier: Apache-2.0
// The one judgement on a pod before it is handed to the backend: can the node take it, and can the
// backend do what it asks for? Pure; events come out as values.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type { Pod } from '../kube/types.gen.ts'
import { describeFields, ignoredFields, unsupportedFields } from '../provider/feature-check.ts'
import type { Features } from '../provider/features.ts'
import { admit } from './admission.ts'
import type { NodeFacts } from './admission.ts'
import type { Verdict } from './known-pod.ts'

/** `strict` leaves a pod Pending that needs more than the backend has; `lenient` runs it all the same. */
export type FeatureCheck = 'strict' | 'lenient'

export interface JudgeContext {
  readonly node: NodeFacts
  readonly features: Features
  readonly featureCheck: FeatureCheck
  /** Pods admitted before. */
  readonly others: Iterable<Pod>
  readonly isDraining: boolean
}

export interface Judgement {
  readonly verdict: Verdict
  readonly events: readonly RecordedEvent[]
}

/** A pod's own wish: `lenient`, or `strict` where the node is lenient. */
export const featureCheckAnnotation = 'virtual-kubelet.io/feature-check'

/** Judges a pod. One that was admitted before, by this process or an earlier one, is not judged again. */
export function judgePod(pod: Pod, context: JudgeContext): Judgement {
  if (pod.status?.startTime !== undefined) return { verdict: { kind: 'admitted' }, events: [] }
  if (context.isDraining) {
    const message = 'Pod was rejected as the node is shutting down.'
    return rejection({ reason: 'NodeShutdown', message })
  }
  const against = admit(pod, { node: context.node, others: context.others })
  if (against) return rejection(against)
  return judgeFeatures(pod, context)
}

function rejection({
  reason,
  message,
}: {
  readonly reason: string
  readonly message: string
}): Judgement {
  return {
    verdict: { kind: 'rejected', reason, message },
    events: [{ type: 'Warning', reason, message }],
  }
}

function judgeFeatures(pod: Pod, { features, featureCheck }: JudgeContext): Judgement {
  const check = featureCheckOf(pod, featureCheck)
  const unsupported = unsupportedFields(judgedPart(pod, check), features)
  const ignored = ignoredFields(pod, features)
  if (unsupported.length > 0 && check === 'strict') {
    return unsupportedJudgement(pod, describeFields(unsupported))
  }
  const fields = [...unsupported, ...ignored]
  if (fields.length === 0) return { verdict: { kind: 'admitted' }, events: [] }
  // What a user wrote and does not get is a warning; what admission added for everybody is not.
  const type = unsupported.length > 0 ? 'Warning' : 'Normal'
  const event: RecordedEvent = {
    type,
    reason: 'IgnoredPodFields',
    message: describeFields(fields),
  }
  return { verdict: { kind: 'admitted' }, events: [event] }
}

/**
 * What is to be told of a pod that runs when it comes to ask for more than the backend has: it runs on
 * without that, and is handed over all the same, so that whatever else has changed takes effect.
 */
export function judgeChange(
  before: Pod,
  now: Pod,
  { features, featureCheck }: Pick<JudgeContext, 'features' | 'featureCheck'>,
): readonly RecordedEvent[] {
  const check = featureCheckOf(now, featureCheck)
  const fieldsOf = (pod: Pod) => unsupportedFields(judgedPart(pod, check), features)
  const known = new Set(fieldsOf(before).map(({ field }) => field))
  const added = fieldsOf(now).filter(({ field }) => !known.has(field))
  if (added.length === 0) return []
  const reason = check === 'strict' ? 'UnsupportedPodSpec' : 'IgnoredPodFields'
  return [{ type: 'Warning', reason, message: describeFields(added) }]
}

/** A strict check looks at each ephemeral container by itself: see refused-containers.ts. */
function judgedPart(pod: Pod, check: FeatureCheck): Pod {
  if (check === 'lenient' || !pod.spec.ephemeralContainers?.length) return pod
  return { ...pod, spec: { ...pod.spec, ephemeralContainers: [] } }
}

/** The verdict on a pod whose needs the backend cannot meet. */
export function unsupportedJudgement(pod: Pod, message: string): Judgement {
  const event: RecordedEvent = { type: 'Warning', reason: 'UnsupportedPodSpec', message }
  // After a restart of ours the pod says already what we would say.
  const isTold = pod.status?.containerStatuses?.some(({ state }) => {
    return state?.waiting?.reason === event.reason && state.waiting.message === message
  })
  return { verdict: { kind: 'unsupported', message }, events: isTold ? [] : [event] }
}

/** How strictly this pod is judged. */
export function featureCheckOf(pod: Pod, ofNode: FeatureCheck): FeatureCheck {
  const wish = pod.metadata.annotations?.[featureCheckAnnotation]
  return wish === 'lenient' || wish === 'strict' ? wish : ofNode
}
