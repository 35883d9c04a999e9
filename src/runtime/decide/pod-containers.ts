// SPDX-License-Identifier: Apache-2.0
// All containers of a pod with the part that each plays: the lists of the spec alone do not say it, because
// a sidecar stands among the init containers.
import type { Container, Pod } from '../../kube/types.gen.ts'
import { isSidecar } from './restart-policy.ts'

/**
 * `init` runs to its end before what follows; `sidecar` starts there and keeps running; `ephemeral` came
 * later, runs once and counts for nothing.
 */
export type ContainerRole = 'init' | 'sidecar' | 'regular' | 'ephemeral'

export interface PodContainer {
  readonly spec: Container
  readonly role: ContainerRole
}

const containersOfPod = new WeakMap<Pod, readonly PodContainer[]>()

/** Init containers and sidecars in their order, then regular ones, then ephemeral ones. */
export function podContainers(pod: Pod): readonly PodContainer[] {
  const known = containersOfPod.get(pod)
  if (known) return known
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  const all: readonly PodContainer[] = [
    ...initContainers.map(
      (spec) => ({ spec, role: isSidecar(spec) ? 'sidecar' : 'init' }) as const,
    ),
    ...containers.map((spec) => ({ spec, role: 'regular' }) as const),
    ...ephemeralContainers.map((spec) => ({ spec, role: 'ephemeral' }) as const),
  ]
  containersOfPod.set(pod, all)
  return all
}

/** The container of that name, of whichever role. */
export function findContainer(pod: Pod | undefined, name: string): PodContainer | undefined {
  return pod && podContainers(pod).find(({ spec }) => spec.name === name)
}
