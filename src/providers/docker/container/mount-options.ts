// SPDX-License-Identifier: Apache-2.0
// The mounts that the core has laid out, in the engine's words.
import type { ContainerMount } from '../../../runtime/container-runtime.ts'
import type { EngineMount, HostConfig } from '../engine/engine-objects.ts'

const propagations = {
  None: 'rprivate',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
} as const

/** Bind mounts; memory comes as a bind of a tmpfs that the pod shares (see memory-volumes.ts). */
export function mountOptions(mounts: readonly ContainerMount[]): HostConfig {
  if (mounts.length === 0) return {}
  // A mount below another one has to come after it.
  const sorted = mounts.toSorted((one, other) => depth(one) - depth(other))
  return { Mounts: sorted.map(mountOf) }
}

function mountOf({
  hostPath,
  mountPath,
  isReadOnly,
  propagation = 'None',
}: ContainerMount): EngineMount {
  return {
    Type: 'bind',
    Source: hostPath,
    Target: mountPath,
    ReadOnly: isReadOnly,
    BindOptions: { Propagation: propagations[propagation] },
  }
}

function depth({ mountPath }: ContainerMount): number {
  return mountPath.split('/').filter((part) => part !== '').length
}
