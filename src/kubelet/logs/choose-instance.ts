// SPDX-License-Identifier: Apache-2.0
// Which run of a container a log request means, told from the pod's status; or why there is none.
import type { ContainerStatus, Pod } from '../../kube/types.gen.ts'

export type InstanceChoice =
  | { readonly kind: 'current' }
  /** The last one that terminated. */
  | { readonly kind: 'previous' }
  | { readonly kind: 'none'; readonly why: string }

/** Is there a container of that name in the spec, of whatever sort? */
export function hasContainer({ spec }: Pod, name: string): boolean {
  const { containers, ephemeralContainers = [], initContainers = [] } = spec
  return [...containers, ...initContainers, ...ephemeralContainers].some((c) => c.name === name)
}

/** The run whose output is wanted: the one that runs or ended, else the last before it. */
export function chooseInstance(
  pod: Pod,
  request: { readonly container: string; readonly previous: boolean },
): InstanceChoice {
  const { container, previous } = request
  const where = `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod.metadata.name)}`
  const status = statusOf(pod, container)
  if (!status) return { kind: 'none', why: `${where} is not available` }
  const hasPrevious = status.lastState?.terminated !== undefined
  if (previous) {
    if (hasPrevious) return { kind: 'previous' }
    return { kind: 'none', why: `previous terminated ${where} not found` }
  }
  const { running, terminated, waiting } = status.state ?? {}
  if (running || terminated) return { kind: 'current' }
  if (hasPrevious) return { kind: 'previous' }
  if (!waiting) return { kind: 'none', why: `${where} is waiting to start - no logs yet` }
  return { kind: 'none', why: `${where} is waiting to start: ${reasonOf(waiting.reason)}` }
}

function statusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  const all = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ]
  return all.find((candidate) => candidate.name === name)
}

function reasonOf(reason = ''): string {
  if (reason === 'ErrImagePull') return "image can't be pulled"
  if (reason === 'ImagePullBackOff') return 'trying and failing to pull image'
  return reason
}
