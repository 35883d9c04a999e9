// SPDX-License-Identifier: Apache-2.0
// What a pod takes of disks, in the words of /stats/summary. Room is the file system's; use is what was
// counted for this pod alone, but for volumes of claims, whose file system is taken for their own.
import { readFsStats } from '../../provider/fs-stats.ts'
import type { FsStats, PodStats, VolumeStats } from '../../provider/stats.ts'
import type { Pod, Volume } from '../../kube/types.gen.ts'
import { ownBytes, podStorageBytes } from '../eviction/storage-limits.ts'
import type { VolumeUsage } from '../volumes/volume-usage.ts'
import type { PodStorage } from './storage-meter.ts'

export interface StorageFigures {
  readonly pod: Pod
  readonly storage: PodStorage
  /** The node's disk, which holds all that goes with the pod. */
  readonly fs: FsStats
  readonly claims: readonly VolumeStats[]
}

/** The stats with logs, volumes and the sum of what goes with the pod. */
export function withStorage(
  stats: PodStats,
  { pod, storage, fs, claims }: StorageFigures,
): PodStats {
  const time = new Date(storage.atMs).toISOString()
  const used = (usage: VolumeUsage): FsStats => ({
    ...fs,
    time,
    usedBytes: usage.usedBytes,
    inodesUsed: usage.inodes,
  })
  const own = [...storage.volumes].map(([name, usage]) => ({ name, ...used(usage) }))
  const layers = new Map(
    stats.containers.flatMap((container) => {
      const bytes = ownBytes(container)
      return bytes === undefined ? [] : [[container.name, bytes] as const]
    }),
  )
  const usedBytes = podStorageBytes(pod, { ...storage, layers })
  const all = [...storage.volumes.values(), ...storage.logs.values()]
  const inodes = all.reduce((sum, usage) => sum + usage.inodes, 0)
  return {
    ...stats,
    containers: stats.containers.map((container) => {
      const logs = storage.logs.get(container.name)
      if (!logs) return container
      const usedBytes = logs.usedBytes + (container.logs?.usedBytes ?? 0)
      return { ...container, logs: used({ ...logs, usedBytes }) }
    }),
    volume: [...own, ...claims],
    'ephemeral-storage': used({ usedBytes, inodes }),
  }
}

/** Room of the volumes that come from claims; one that cannot be looked at is left out. */
export async function claimStats(
  pod: Pod,
  {
    dirs,
    time,
  }: {
    /** Where the volumes lie, by name. */
    readonly dirs: ReadonlyMap<string, string>
    readonly time: string
  },
): Promise<readonly VolumeStats[]> {
  const { namespace } = pod.metadata
  const found = (pod.spec.volumes ?? []).map(async (volume): Promise<readonly VolumeStats[]> => {
    const { name } = volume
    const claim = claimNameOf(pod, volume)
    const dir = dirs.get(name)
    if (claim === undefined || dir === undefined) return []
    const fs = await readFsStats(dir, time).catch(() => undefined)
    return fs ? [{ name, ...fs, pvcRef: { name: claim, namespace } }] : []
  })
  return (await Promise.all(found)).flat()
}

function claimNameOf(
  { metadata }: Pod,
  { name, persistentVolumeClaim, ephemeral }: Volume,
): string | undefined {
  if (persistentVolumeClaim) return persistentVolumeClaim.claimName
  return ephemeral ? `${metadata.name}-${name}` : undefined
}
