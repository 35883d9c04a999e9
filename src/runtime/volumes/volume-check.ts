// SPDX-License-Identifier: Apache-2.0
// What of a pod's volumes and mounts this node cannot honour although it has the features. Such a pod is
// refused as one that asks for an unsupported feature is, before anything of it is made.
import type { Container, Pod, Volume, VolumeMount } from '../../kube/types.gen.ts'
import type { PodProblem } from '../../provider/provider.ts'
import type { VolumeSupport } from '../container-runtime.ts'
import { hostPathRefusal, isAllowedHostPath } from './host-path.ts'

/** Every such field; empty when the pod can have its volumes. */
export function volumeProblems(
  { spec }: Pick<Pod, 'spec'>,
  { delivery, hostPathPrefixes = [] }: VolumeSupport,
): readonly PodProblem[] {
  const problems = (spec.volumes ?? []).flatMap((volume, index) =>
    hostPathProblems(volume, { at: `spec.volumes[${index}]`, prefixes: hostPathPrefixes }),
  )
  if (delivery === 'mount') return problems
  const { containers, initContainers = [], ephemeralContainers = [] } = spec
  return [
    ...problems,
    ...containersProblems(initContainers, 'initContainers'),
    ...containersProblems(containers, 'containers'),
    ...containersProblems(ephemeralContainers, 'ephemeralContainers'),
  ]
}

function hostPathProblems(
  { hostPath }: Volume,
  { at, prefixes }: { readonly at: string; readonly prefixes: readonly string[] },
): readonly PodProblem[] {
  if (!hostPath || isAllowedHostPath(hostPath.path, prefixes)) return []
  return [{ field: `${at}.hostPath`, why: hostPathRefusal(hostPath.path, prefixes) }]
}

function containersProblems(
  containers: readonly Pick<Container, 'volumeMounts'>[],
  list: string,
): readonly PodProblem[] {
  return containers.flatMap(({ volumeMounts = [] }, index) =>
    ambiguousMounts(volumeMounts, `spec.${list}[${index}].volumeMounts`),
  )
}

/** One variable can tell of one place only. */
function ambiguousMounts(mounts: readonly VolumeMount[], at: string): readonly PodProblem[] {
  const places = new Map<string, string>()
  return mounts.flatMap((mount, index) => {
    const place = `${mount.subPath ?? ''}:${mount.subPathExpr ?? ''}`
    const first = places.get(mount.name)
    if (first === undefined) places.set(mount.name, place)
    if (first === undefined || first === place) return []
    const why = `without mounts, a container finds only one subPath of volume "${mount.name}"`
    return [{ field: `${at}[${index}]`, why }]
  })
}
