// SPDX-License-Identifier: Apache-2.0
// The mounts that the core has laid out, in the engine's words.
import type { ContainerMount } from '../../../runtime/container-runtime.ts'
import type { EngineMount, HostConfig } from '../engine/engine-objects.ts'
import { engineVolumeName } from '../sandbox/engine-volumes.ts'

const propagations = {
  None: 'rprivate',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
} as const

/** Bind mounts, and the pod's volumes in memory. */
export function mountOptions(mounts: readonly ContainerMount[], uid: string): HostConfig {
  if (mounts.length === 0) return {}
  // A mount below another one has to come after it.
  const sorted = mounts.toSorted((one, other) => depth(one) - depth(other))
  return { Mounts: sorted.map((mount) => mountOf(mount, uid)) }
}

function mountOf(mount: ContainerMount, uid: string): EngineMount {
  const { name, kind, hostPath, mountPath, isReadOnly, propagation = 'None' } = mount
  const place = { Target: mountPath, ReadOnly: isReadOnly }
  if (kind === 'tmpfs') {
    const source = engineVolumeName(uid, name)
    return { Type: 'volume', Source: source, ...place, VolumeOptions: { NoCopy: true } }
  }
  const options = { Propagation: propagations[propagation] }
  return { Type: 'bind', Source: hostPath, ...place, BindOptions: options }
}

function depth({ mountPath }: ContainerMount): number {
  return mountPath.split('/').filter((part) => part !== '').length
}
