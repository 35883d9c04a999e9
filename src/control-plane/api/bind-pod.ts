// SPDX-License-Identifier: Apache-2.0
// POST pods/NAME/binding: what a scheduler does to a pod. It happens once: a pod that has a node keeps it.
import type { Pod } from '../../kube/types.gen.ts'
import { conflict } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { wireSeconds } from './api-core.ts'
import type { ApiCore, Place, WriteOptions } from './api-core.ts'
import { updateObject } from './update-object.ts'

/** A Binding, as far as it matters. */
export interface PodBinding {
  readonly nodeName: string
  /** Refused with 409 when the pod is another one by now. */
  readonly uid?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
}

export function bindPod(
  core: ApiCore,
  place: Place,
  binding: PodBinding,
  options: WriteOptions,
): void {
  const now = wireSeconds(core.clock.nowMs())
  const change = (old: KubeObject): KubeObject => {
    const pod = old as unknown as Pod
    checkFree(pod, place, binding)
    const { metadata, spec, status } = pod
    const bound = {
      ...pod,
      metadata: {
        ...metadata,
        ...(binding.annotations && {
          annotations: { ...metadata.annotations, ...binding.annotations },
        }),
        ...(binding.labels && { labels: { ...metadata.labels, ...binding.labels } }),
      },
      spec: { ...spec, nodeName: binding.nodeName },
      status: { ...status, conditions: scheduled(status?.conditions ?? [], now) },
    }
    return bound as unknown as KubeObject
  }
  updateObject(core, { ...place, subresource: 'binding' }, change, options)
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
