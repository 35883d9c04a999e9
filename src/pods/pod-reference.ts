// SPDX-License-Identifier: Apache-2.0
// How events and the log name the pod they are about.
import type { ObjectReference, Pod } from '../kube/types.gen.ts'
import type { PodRef } from '../provider/provider.ts'

/** The reference of an event about `pod`, or about one of its containers. */
export function podReference(pod: Pod, containerName?: string): ObjectReference {
  const { namespace, name, uid, resourceVersion } = pod.metadata
  const fieldPath = containerName === undefined ? undefined : fieldPathOf(pod, containerName)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace,
    name,
    uid,
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(fieldPath !== undefined && { fieldPath }),
  }
}

/** `spec.containers{web}`, as the kubelet writes it. */
function fieldPathOf({ spec }: Pod, containerName: string): string | undefined {
  const lists = ['containers', 'initContainers', 'ephemeralContainers'] as const
  const list = lists.find((key) => spec[key]?.some(({ name }) => name === containerName))
  return list === undefined ? undefined : `spec.${list}{${containerName}}`
}

/** How a pod is named in the log. */
export function logFields({ namespace, name, uid }: PodRef): {
  readonly pod: string
  readonly uid: string
} {
  return { pod: `${namespace}/${name}`, uid }
}
