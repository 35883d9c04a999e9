// SPDX-License-Identifier: Apache-2.0
// Which of a pod's volumes are set up on the host, and what each is made from. Volumes that no container
// mounts are left out, as in the kubelet, and so are kinds that the runtime does not have: these are the
// feature check's business.
import { isServiceAccountVolume } from '../../provider/feature-check.ts'
import type { Features } from '../../provider/features.ts'
import type { Pod, Volume } from '../../kube/types.gen.ts'

/** What a volume is made from; undefined for kinds that the core cannot make. */
export type VolumeKind = 'files' | 'emptyDir' | 'hostPath' | 'claim' | 'image'

const kinds: Readonly<Partial<Record<keyof Volume, VolumeKind>>> = {
  configMap: 'files',
  secret: 'files',
  downwardAPI: 'files',
  projected: 'files',
  emptyDir: 'emptyDir',
  hostPath: 'hostPath',
  persistentVolumeClaim: 'claim',
  ephemeral: 'claim',
  image: 'image',
}

export function kindOf(volume: Volume): VolumeKind | undefined {
  return sourceOf(volume)?.[1]
}

/** Volumes to set up before containers start. */
export function volumesToSetUp(pod: Pod, features: Features): readonly Volume[] {
  const used = usedNames(pod)
  return (pod.spec.volumes ?? []).filter(
    (volume) => used.has(volume.name) && isSupported(pod, volume, features),
  )
}

/** May the content depend on the pod's address? */
export function needsAddress({ spec }: Pod): boolean {
  return (spec.volumes ?? []).some(({ downwardAPI, projected }) => {
    const projections = (projected?.sources ?? []).map((source) => source.downwardAPI)
    return [downwardAPI, ...projections].some((source) =>
      source?.items?.some(({ fieldRef }) => fieldRef?.fieldPath.startsWith('status.')),
    )
  })
}

function sourceOf(volume: Volume): readonly [source: string, kind: VolumeKind] | undefined {
  for (const [source, kind] of Object.entries(kinds)) {
    if (volume[source as keyof Volume] !== undefined) return [source, kind]
  }
  return undefined
}

function isSupported(pod: Pod, volume: Volume, features: Features): boolean {
  const [source] = sourceOf(volume) ?? []
  if (source === undefined) return false
  if (isServiceAccountVolume(pod, volume)) return true
  return Boolean(features[`volume.${source}` as keyof Features])
}

function usedNames({ spec }: Pod): ReadonlySet<string> {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec
  const names = new Set<string>()
  for (const container of [...containers, ...initContainers, ...ephemeralContainers]) {
    for (const { name } of container.volumeMounts ?? []) names.add(name)
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.fileKeyRef) names.add(valueFrom.fileKeyRef.volumeName)
    }
  }
  return names
}
