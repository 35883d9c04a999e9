// SPDX-License-Identifier: Apache-2.0
// Volumes of pods that are volumes of the engine: emptyDirs in memory, which are tmpfs mounts, and on another
// machine all that nothing of this one can be mounted for. The sandbox has them mounted as long as it
// lives, so that what containers leave in them outlives each of them, and goes with the pod; what the core lays
// out is brought into them through the sandbox (remote/remote-volumes.ts).
import { createHash } from 'node:crypto'
import type { Pod, Volume } from '../../../kube/types.gen.ts'
import { kindOf } from '../../../runtime/volumes/pod-volume-list.ts'
import { parseQuantity, wholeUnits } from '../../../util/quantity.ts'
import { isOwn, ownerFilter, sandboxLabels, type Owner } from '../container/container-labels.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { isConflict, isNotFound } from '../engine/engine-error.ts'
import type { EngineMount } from '../engine/engine-objects.ts'

export interface EngineVolumeParts {
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
export function engineVolumeName(uid: string, volume: string): string {
  // Names of volumes are bounded, those of a pod's volumes are not short.
  const hash = createHash('sha256').update(volume).digest('hex').slice(0, 12)
  return `vk_${uid}_${hash}`
}

/** Where the sandbox has it. */
export function engineVolumePath(uid: string, volume: string): string {
  return `/memory/${engineVolumeName(uid, volume)}`
}

/** Makes what the pod has of them; resolves with the sandbox's mounts. */
export async function ensureEngineVolumes(
  { metadata, spec }: Pod,
  { client, owner, isLocal }: EngineVolumeParts & { readonly isLocal: boolean },
  signal: AbortSignal,
): Promise<readonly EngineMount[]> {
  const { uid } = metadata
  const volumes = (spec.volumes ?? []).filter((volume) =>
    isLocal ? volume.emptyDir?.medium === 'Memory' : isBroughtElsewhere(volume),
  )
  return await Promise.all(
    volumes.map(async (volume) => {
      const name = engineVolumeName(uid, volume.name)
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
      return {
        Type: 'volume',
        Source: name,
        Target: engineVolumePath(uid, volume.name),
        VolumeOptions: { NoCopy: true },
      } as const
    }),
  )
}

/** On another machine: what an engine's volume stands for there. */
export function isBroughtElsewhere(volume: Volume): boolean {
  const kind = kindOf(volume)
  return kind === 'emptyDir' || kind === 'files'
}

/** Removes all of one pod; nothing uses them any more. */
export async function removeEngineVolumes(
  uid: string,
  { client, owner }: EngineVolumeParts,
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
