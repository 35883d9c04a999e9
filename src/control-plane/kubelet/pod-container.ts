// SPDX-License-Identifier: Apache-2.0
// Which container of a pod a request for logs or a stream is about, and whether it can be served.
import type { Pod } from '../../kube/types.gen.ts'
import { badRequest, notFound } from '../objects/api-status.ts'
import type { Store } from '../storage/store.ts'

/** Throws 404 for a pod that is not there. */
export function podNamed(store: Store, namespace: string, name: string): Pod {
  const stored = store.get({ resource: 'pods', namespace, name })
  if (!stored) throw notFound({ group: '', plural: 'pods' }, name)
  return stored.object as unknown as Pod
}

/** The named container, or the only one; 400 when it does not exist or none is named. */
export function containerOf(pod: Pod, container: string): string {
  const { name } = pod.metadata
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  const all = [...initContainers, ...containers, ...ephemeralContainers].map((one) => one.name)
  if (container !== '') {
    if (all.includes(container)) return container
    throw badRequest(`container ${container} is not valid for pod ${name}`)
  }
  const [first] = containers
  if (containers.length === 1 && first) return first.name
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`,
  )
}

/** The node that runs the pod; 400 when it is not bound yet. */
export function nodeOf({ spec, metadata }: Pod): string {
  if (spec.nodeName) return spec.nodeName
  throw badRequest(`pod ${metadata.name} does not have a host assigned`)
}
