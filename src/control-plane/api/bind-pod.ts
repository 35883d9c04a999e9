// SPDX-License-Identifier: Apache-2.0
// POST pods/NAME/binding: what a scheduler does to a pod. It happens once: a pod that has a node keeps it.
import type { Pod } from '../../kube/types.gen.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import { conflict, notFound } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { mutateByAdmission, validateByAdmission } from './admit.ts'
import { keyOf } from './api-core.ts'
import type { ApiCore, Place, WriteOptions } from './api-core.ts'
import { wireTime } from '../../util/wire-time.ts'

/** A Binding, as far as it matters. */
export interface PodBinding {
  readonly nodeName: string
  /** Refused with 409 when the pod is another one by now. */
  readonly uid?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
}

/** Throws 404, or 409 for a pod that cannot be bound any more. */
export function bindPod(
  core: ApiCore,
  place: Place,
  binding: PodBinding,
  { user, isDryRun }: Pick<WriteOptions, 'user' | 'isDryRun'>,
): void {
  const stored = core.store.get(keyOf(place))
  if (!stored) throw notFound(place.resource, place.name)
  const pod = stored.object as unknown as Pod
  checkFree(pod, place, binding)
  const { labels } = admitted(core, place, { user, isDryRun, binding })
  if (isDryRun) return
  // Binding is the one change of a spec that no update may make, so it is written without those rules.
  core.store.put(
    keyOf(place),
    bound(pod, { ...binding, ...(labels && { labels }) }, wireTime(core.clock.nowMs())),
  )
}

/** Admission may refuse a binding, or add labels that the pod then gets. */
function admitted(
  core: ApiCore,
  place: Place,
  given: Pick<WriteOptions, 'user' | 'isDryRun'> & { readonly binding: PodBinding },
): KubeObject['metadata'] {
  const { user, isDryRun, binding } = given
  const { nodeName, labels } = binding
  const { namespace, name } = place
  const request: AdmissionRequest = {
    ...place,
    subresource: 'binding',
    operation: 'CREATE',
    user,
    isDryRun,
    old: undefined,
    object: {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, ...(labels && { labels }) },
      target: { kind: 'Node', name: nodeName },
    },
  }
  const object = mutateByAdmission(core, request)
  validateByAdmission(core, { ...request, object })
  return object.metadata
}

function bound(pod: Pod, binding: PodBinding, now: string): KubeObject {
  const { metadata, spec, status } = pod
  const { annotations, labels, nodeName } = binding
  const next = {
    ...pod,
    metadata: {
      ...metadata,
      ...(annotations && { annotations: { ...metadata.annotations, ...annotations } }),
      ...(labels && { labels: { ...metadata.labels, ...labels } }),
    },
    spec: { ...spec, nodeName },
    status: { ...status, conditions: scheduled(status?.conditions ?? [], now) },
  }
  return next as unknown as KubeObject
}

function checkFree({ metadata, spec }: Pod, { resource, name }: Place, binding: PodBinding): void {
  if (binding.uid !== undefined && binding.uid !== '' && binding.uid !== metadata.uid) {
    const what = `UID in precondition: ${binding.uid}, UID in object meta: ${metadata.uid}`
    throw conflict(resource, name, `Precondition failed: ${what}`)
  }
  const bindingResource = { group: '', plural: 'pods/binding' }
  if (metadata.deletionTimestamp !== undefined) {
    throw conflict(
      bindingResource,
      name,
      `pod ${name} is being deleted, cannot be assigned to a host`,
    )
  }
  if (spec.nodeName) {
    const why = `pod ${name} is already assigned to node ${JSON.stringify(spec.nodeName)}`
    throw conflict(bindingResource, name, why)
  }
  if (spec.schedulingGates && spec.schedulingGates.length > 0) {
    throw conflict(bindingResource, name, `pod ${name} has non-empty .spec.schedulingGates`)
  }
}

type Conditions = NonNullable<NonNullable<Pod['status']>['conditions']>

function scheduled(conditions: Conditions, now: string): Conditions {
  const others = conditions.filter(({ type }) => type !== 'PodScheduled')
  return [...others, { type: 'PodScheduled', status: 'True', lastTransitionTime: now }]
}
