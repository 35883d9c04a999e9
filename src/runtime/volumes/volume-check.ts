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
  { delivery, hostPathPrefixes = [], prepareMemory }: VolumeSupport,
): readonly PodProblem[] {
  const problems = (spec.volumes ?? []).flatMap((volume, index) =>
    hostPathProblems(volume, { at: `spec.volumes[${index}]`, prefixes: hostPathPrefixes }),
  )
  const unreadable = new Set(
    prepareMemory ? [] : (spec.volumes ?? []).filter(isInMemory).map(nameOf),
  )
  const { containers, initContainers = [], ephemeralContainers = [] } = spec
  for (const [list, of] of Object.entries({ initContainers, containers, ephemeralContainers })) {
    for (const [index, container] of of.entries()) {
      const at = `spec.${list}[${index}]`
      problems.push(...fileKeyProblems(container, { at, unreadable }))
      if (delivery === 'mount') continue
      problems.push(...ambiguousMounts(container.volumeMounts ?? [], `${at}.volumeMounts`))
    }
  }
  return problems
}

type ContainerLike = Pick<Container, 'volumeMounts' | 'env'>

const isInMemory = ({ emptyDir }: Volume): boolean => emptyDir?.medium === 'Memory'
const nameOf = ({ name }: Volume): string => name

/** What only the containers' own mounts hold, the node cannot read. */
function fileKeyProblems(
  { env = [] }: ContainerLike,
  { at, unreadable }: { readonly at: string; readonly unreadable: ReadonlySet<string> },
): readonly PodProblem[] {
  return env.flatMap(({ valueFrom }, index) => {
    const volume = valueFrom?.fileKeyRef?.volumeName
    if (volume === undefined || !unreadable.has(volume)) return []
    const why = `this node cannot read files of volume "${volume}", which is in memory`
    return [{ field: `${at}.env[${index}].valueFrom.fileKeyRef`, why }]
  })
}

function hostPathProblems(
  { hostPath }: Volume,
  { at, prefixes }: { readonly at: string; readonly prefixes: readonly string[] },
): readonly PodProblem[] {
  if (!hostPath || isAllowedHostPath(hostPath.path, prefixes)) return []
  return [{ field: `${at}.hostPath`, why: hostPathRefusal(hostPath.path, prefixes) }]
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
