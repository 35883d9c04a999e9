// SPDX-License-Identifier: Apache-2.0
// Which volumes of a pod others can change while one of its containers is started. Paths that lead through
// them are trusted by nobody: a directory may turn into a link between a look and a mount.
import type { Container, Pod, Volume } from '../../../kube/types.gen.ts'

type Mounting = Pick<Container, 'name' | 'volumeMounts' | 'restartPolicy'>

/** Names of the volumes that others than `container` may write to, now or any time. */
export function sharedVolumes({ spec }: Pod, container: Mounting): ReadonlySet<string> {
  const { volumes = [], containers, initContainers = [], ephemeralContainers = [] } = spec
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  const others = [...containers, ...sidecars, ...ephemeralContainers].filter(
    ({ name }) => name !== container.name,
  )
  const isMountedBy =
    (volume: string) =>
    ({ volumeMounts = [] }: Pick<Container, 'volumeMounts'>): boolean =>
      volumeMounts.some(({ name }) => name === volume)
  const shared = volumes.filter(
    (volume) =>
      isOfHost(volume) || (volume.emptyDir !== undefined && others.some(isMountedBy(volume.name))),
  )
  return new Set(shared.map(({ name }) => name))
}

/** It outlives the pod, and other pods may have it too. */
function isOfHost({ hostPath, persistentVolumeClaim, ephemeral }: Volume): boolean {
  return Boolean(hostPath ?? persistentVolumeClaim ?? ephemeral)
}
