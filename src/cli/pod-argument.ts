// SPDX-License-Identifier: Apache-2.0
// The pod that a command names, and the container in it that is meant.
import { isNotFound } from '../kube/api-error.ts'
import { pods } from '../kube/resources.ts'
import type { Pod } from '../kube/types.gen.ts'
import { UserError, VkError } from '../util/vk-error.ts'
import type { ClusterAccess } from './cluster-access.ts'

const defaultContainer = 'kubectl.kubernetes.io/default-container'

export interface PodChoice {
  readonly pod: Pod
  readonly container: string
}

/**
 * Finds `NAME` or `pod/NAME`; throws a UserError that lists what there is instead, and a VkError for a pod that
 * has no node yet.
 */
export async function choosePod(
  access: ClusterAccess,
  wanted: { readonly pod: string; readonly namespace: string; readonly container?: string },
): Promise<PodChoice> {
  const { namespace } = wanted
  const name = wanted.pod.replace(/^pods?\//, '')
  const pod = await access.client.get(pods, { namespace, name }).catch(async (error: unknown) => {
    if (!isNotFound(error)) throw error
    const { items } = await access.client.list(pods, { namespace, limit: 20 })
    const names = items.map(({ metadata }) => metadata.name).join(', ')
    throw new UserError(`Cannot find pod "${name}" in namespace "${namespace}"`, {
      hint: names === '' ? 'It has no pods; -n names another namespace.' : `It has: ${names}`,
    })
  })
  const container = chooseContainer(pod, wanted.container)
  requireNode(pod)
  return { pod, container }
}

/** Of a pod without a node an API server has an empty log, which tells a person nothing. */
function requireNode({ metadata, spec, status }: Pod): void {
  if (spec.nodeName) return
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const why = scheduled?.message ? `: ${scheduled.message}` : ''
  const what = `Cannot look into pod "${metadata.name}"`
  throw new VkError('Unavailable', `${what}: it waits for a node${why}`)
}

function chooseContainer({ metadata, spec }: Pod, wanted: string | undefined): string {
  const { initContainers = [], containers, ephemeralContainers = [] } = spec
  const names = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name)
  const [first] = containers
  const container = wanted ?? metadata.annotations?.[defaultContainer] ?? first?.name ?? ''
  if (names.includes(container)) return container
  throw new UserError(`Cannot find container "${container}" in pod "${metadata.name}"`, {
    hint: `It has: ${names.join(', ')}`,
  })
}
