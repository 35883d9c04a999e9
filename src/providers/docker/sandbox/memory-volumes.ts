// SPDX-License-Identifier: Apache-2.0
// emptyDirs in memory: volumes of the engine that are tmpfs mounts. The sandbox has them mounted as long as
// it lives, so that what containers leave in them outlives each of them, and goes with the pod.
import { createHash } from 'node:crypto'
import type { Pod, Volume } from '../../../kube/types.gen.ts'
import { parseQuantity, wholeUnits } from '../../../util/quantity.ts'
import { isOwn, ownerFilter, sandboxLabels, type Owner } from '../container/container-labels.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { isConflict, isNotFound } from '../engine/engine-error.ts'
import type { EngineMount } from '../engine/engine-objects.ts'

export interface MemoryVolumeParts {
  readonly client: EngineClient
  readonly owner: Owner
}

interface VolumeList {
  readonly Volumes?:
    | readonly {
        readonly Name: string
        readonly Labels?: Readonly<Record<string, string>> | null
      }[]
    | null
}

/** The kernel counts the size of a tmpfs in pages; Podman misreads the option `size`. */
const pageBytes = 4096

/** The engine's name of a pod's volume. */
export function memoryVolumeName(uid: string, volume: string): string {
  // Names of volumes are bounded, those of a pod's volumes are not short.
  const hash = createHash('sha256').update(volume).digest('hex').slice(0, 12)
  return `vk_${uid}_${hash}`
}

/** Makes what the pod has of them; resolves with the sandbox's mounts. */
export async function ensureMemoryVolumes(
  { metadata, spec }: Pod,
  { client, owner, isLocal }: MemoryVolumeParts & { readonly isLocal: boolean },
  signal: AbortSignal,
): Promise<readonly EngineMount[]> {
  const { uid } = metadata
  const volumes = (spec.volumes ?? []).filter(
    ({ emptyDir }) => emptyDir && (emptyDir.medium === 'Memory' || !isLocal),
  )
  return await Promise.all(
    volumes.map(async (volume) => {
      const name = memoryVolumeName(uid, volume.name)
      const body = {
        Name: name,
        Driver: 'local',
        ...(volume.emptyDir?.medium === 'Memory' && { DriverOpts: optionsOf(volume) }),
        Labels: sandboxLabels(owner, metadata),
      }
      const create = { method: 'POST', path: '/volumes/create', body } as const
      await client.text(create, { signal }).catch((error: unknown) => {
        // Podman says so of a volume that is there, Docker takes it for the same.
        if (!isConflict(error)) throw error
      })
      const target = `/memory/${name}`
      return {
        Type: 'volume',
        Source: name,
        Target: target,
        VolumeOptions: { NoCopy: true },
      } as const
    }),
  )
}

/** Removes all of one pod; nothing uses them any more. */
export async function removeMemoryVolumes(
  uid: string,
  { client, owner }: MemoryVolumeParts,
  signal: AbortSignal,
): Promise<void> {
  const label = [...ownerFilter(owner), `io.virtual-kubelet.pod.uid=${uid}`]
  const list = { path: '/volumes', query: { filters: { label } } }
  const { Volumes } = await client.json<VolumeList>(list, { signal })
  // Podman takes one of several labels for enough.
  const own = (Volumes ?? []).filter(
    ({ Name, Labels }) => isOwn(owner, Labels) && Name.startsWith(`vk_${uid}_`),
  )
  for (const { Name } of own) {
    const remove = { method: 'DELETE', path: `/volumes/${Name}`, query: { force: 1 } } as const
    await client.text(remove, { signal }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }
}

function optionsOf({ emptyDir }: Volume): Readonly<Record<string, string>> {
  const tmpfs = { type: 'tmpfs', device: 'tmpfs', o: 'mode=0777' }
  const limit = emptyDir?.sizeLimit
  if (limit === undefined) return tmpfs
  const pages = Math.ceil(Number(wholeUnits(parseQuantity(limit))) / pageBytes)
  return { ...tmpfs, o: `mode=0777,nr_blocks=${Math.max(1, pages)}` }
}
