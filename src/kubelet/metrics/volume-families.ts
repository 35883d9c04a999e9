// SPDX-License-Identifier: Apache-2.0
// Room and use of the volumes that come from claims, by the kubelet's names: what alerts on volumes that run
// full are made of. A claim that several pods share is told of once.
import type { PodStats, VolumeStats } from '../../provider/stats.ts'
import type { MetricFamily, MetricSample } from './metric-text.ts'

type Figure = Exclude<keyof VolumeStats, 'name' | 'pvcRef' | 'time'>

const families: readonly (readonly [name: string, figure: Figure, help: string])[] = [
  ['capacity_bytes', 'capacityBytes', 'Capacity in bytes of the volume'],
  ['available_bytes', 'availableBytes', 'Number of available bytes in the volume'],
  ['used_bytes', 'usedBytes', 'Number of used bytes in the volume'],
  ['inodes', 'inodes', 'Maximum number of inodes in the volume'],
  ['inodes_free', 'inodesFree', 'Number of free inodes in the volume'],
  ['inodes_used', 'inodesUsed', 'Number of used inodes in the volume'],
]

/** The families `kubelet_volume_stats_*`. */
export function volumeFamilies(pods: readonly PodStats[]): readonly MetricFamily[] {
  const claims = new Map<string, VolumeStats>()
  for (const stats of pods.flatMap(({ volume = [] }) => volume)) {
    const { pvcRef } = stats
    if (pvcRef) claims.set(`${pvcRef.namespace}/${pvcRef.name}`, stats)
  }
  return families.map(([name, figure, help]) => ({
    name: `kubelet_volume_stats_${name}`,
    type: 'gauge',
    help: `[ALPHA] ${help}`,
    samples: [...claims.values()].flatMap((stats) => sampleOf(stats, figure)),
  }))
}

function sampleOf({ pvcRef, ...stats }: VolumeStats, figure: Figure): readonly MetricSample[] {
  const value = stats[figure]
  if (!pvcRef || value === undefined) return []
  const { namespace, name: persistentvolumeclaim } = pvcRef
  return [{ labels: { namespace, persistentvolumeclaim }, value }]
}
