// SPDX-License-Identifier: Apache-2.0
// What the server decides of a pod, and what each of its addresses may change.
import type { Container, Pod, PodCondition, PodSpec, PodStatus } from '../../../kube/types.gen.ts'
import { mergeLabelKeys } from './merge-label-keys.ts'
import { mirrorServiceAccount } from './default-pod-spec.ts'
import { listOf } from '../read-json.ts'
import { withField } from '../share-structure.ts'
import { qosClassOf } from './pod-qos.ts'

/** A new pod: pending, with its quality of service, and gated if it asks for that. */
export function prepareNewPod(pod: Pod, now: string): Pod {
  const spec = mergeLabelKeys(mirrorServiceAccount(pod.spec), pod.metadata.labels ?? {})
  const status: PodStatus = { phase: 'Pending', qosClass: qosClassOf(spec) }
  if (listOf(spec.schedulingGates).length === 0) return { ...pod, spec, status }
  const gated: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    lastProbeTime: null as never,
    lastTransitionTime: now,
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  }
  return { ...pod, spec, status: { ...status, conditions: [gated] } }
}

/** A status from outside: owners, deletion and quality of service stay as they are. */
export function preparePodStatus(next: Pod, old: Pod): Pod {
  const withOwners = withField(next.metadata, 'ownerReferences', old.metadata.ownerReferences)
  const metadata = withField(withOwners, 'deletionTimestamp', old.metadata.deletionTimestamp)
  const status = keepObserved(next.status ?? {}, old.status ?? {})
  const qosClass = status.qosClass || old.status?.qosClass
  return { ...next, metadata, status: withField(status, 'qosClass', qosClass) }
}

/** Only ephemeral containers, labels and annotations aside, come from the request. */
export function prepareEphemeralContainers(next: Pod, old: Pod): Pod {
  const spec = withField(old.spec, 'ephemeralContainers', next.spec.ephemeralContainers)
  return { ...old, metadata: keepMetadata(next.metadata, old.metadata), spec }
}

/** Only resources and resize policies come from the request; other changes are refused later. */
export function prepareResize(next: Pod, old: Pod): Pod {
  const { spec } = next
  const hasSameShape =
    listOf(spec.containers).length === listOf(old.spec.containers).length &&
    listOf(spec.initContainers).length === listOf(old.spec.initContainers).length
  if (!hasSameShape) return next
  const containers = resized(listOf(spec.containers), listOf(old.spec.containers))
  let result: PodSpec = withField(old.spec, 'resources', spec.resources)
  result = withField(result, 'containers', containers)
  if (old.spec.initContainers !== undefined) {
    const initContainers = resized(listOf(spec.initContainers), listOf(old.spec.initContainers))
    result = withField(result, 'initContainers', initContainers)
  }
  return { ...old, metadata: keepMetadata(next.metadata, old.metadata), spec: result }
}

/** An observed generation that a client leaves out is not forgotten, nor that of its conditions. */
function keepObserved(next: PodStatus, old: PodStatus): PodStatus {
  const observed = next.observedGeneration || old.observedGeneration
  const result = withField(next, 'observedGeneration', observed)
  const conditions = listOf(next.conditions)
  const known = listOf(old.conditions)
  if (next.conditions === old.conditions || !known.some((one) => one.observedGeneration)) {
    return result
  }
  const rest = [...known]
  const kept = conditions.map((condition) => {
    const index = rest.findIndex(({ type }) => type === condition.type)
    const [former] = index === -1 ? [] : rest.splice(index, 1)
    if (condition.observedGeneration || !former?.observedGeneration) return condition
    return { ...condition, observedGeneration: former.observedGeneration }
  })
  return withField(result, 'conditions', kept)
}

/** Of metadata only what the subresources of a pod may change: nothing but the version asked for. */
function keepMetadata(next: Pod['metadata'], old: Pod['metadata']): Pod['metadata'] {
  return withField(withField(old, 'resourceVersion', next.resourceVersion), 'uid', next.uid)
}

function resized(next: readonly Container[], old: readonly Container[]): readonly Container[] {
  if (next.some(({ name }, index) => name !== old[index]?.name)) return next
  return next.map(({ resources, resizePolicy }, index) =>
    withField(
      withField(old[index] as Container, 'resources', resources),
      'resizePolicy',
      resizePolicy,
    ),
  )
}
