// SPDX-License-Identifier: Apache-2.0
// One figure of the containers of many pods, as evictions weigh it.
import type { ContainerStats } from '../../provider/stats.ts'
import type { KeyedStats } from '../container-runtime.ts'

/** By the pod's uid and the container's name; who has no such figure is left out. */
export type BytesByPod = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Reads the figure of each container. */
export function bytesByPod(
  found: readonly KeyedStats[],
  read: (stats: ContainerStats) => number | undefined,
): BytesByPod {
  const all = new Map<string, Map<string, number>>()
  for (const { key, stats } of found) {
    const bytes = read(stats)
    if (bytes === undefined) continue
    const ofPod = all.get(key.pod.uid) ?? new Map<string, number>()
    all.set(key.pod.uid, ofPod.set(key.name, bytes))
  }
  return all
}
