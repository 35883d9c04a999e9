// SPDX-License-Identifier: Apache-2.0
// Has a pod filled more of the node's disk than it may? Its own limits are looked at in the kubelet's order:
// emptyDirs, the pod as a whole, each container. Pure.
import type { Pod } from '../../kube/types.gen.ts'
import type { ContainerStats } from '../../provider/stats.ts'
import { format, parseQuantity, wholeUnits, type Quantity } from '../../util/quantity.ts'
import { podLimit } from '../resources/pod-amounts.ts'
import type { PodStorage } from '../resources/storage-meter.ts'

/** A pod's use of the disk, as far as it counts against limits. */
export interface LimitedStorage extends Pick<PodStorage, 'volumes' | 'logs'> {
  /** By container, what the runtime itself keeps for it; see `ownBytes`. */
  readonly layers: ReadonlyMap<string, number>
}

const storage = 'ephemeral-storage'

/** What a runtime keeps for a container: its own layer over the image, and output that is not in the core's files. */
export function ownBytes({ rootfs, logs }: ContainerStats): number | undefined {
  if (rootfs?.usedBytes === undefined && logs?.usedBytes === undefined) return undefined
  return (rootfs?.usedBytes ?? 0) + (logs?.usedBytes ?? 0)
}

/** Does anything in the pod limit its storage, so that it is worth measuring? */
export function hasStorageLimit({ spec }: Pod): boolean {
  const { containers, initContainers = [], volumes = [] } = spec
  return (
    [...containers, ...initContainers].some(({ resources }) => resources?.limits?.[storage]) ||
    volumes.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && !emptyDir.medium)
  )
}

/** Which limit a pod has broken: the kubelet's name for metrics, and the message that it is evicted with. */
export interface StorageExcess {
  readonly signal: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit'
  readonly message: string
}

/** The first limit that the pod has broken; undefined while it keeps them. */
export function storageExcess(pod: Pod, usage: LimitedStorage): StorageExcess | undefined {
  return emptyDirExcess(pod, usage) ?? podExcess(pod, usage) ?? containerExcess(pod, usage)
}

function emptyDirExcess({ spec }: Pod, { volumes }: LimitedStorage): StorageExcess | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    if (!emptyDir?.sizeLimit || emptyDir.medium) continue
    const limit = parseQuantity(emptyDir.sizeLimit)
    if (!isBeyond(volumes.get(name)?.usedBytes, limit)) continue
    return {
      signal: 'emptydirfs.limit',
      message: `Usage of EmptyDir volume "${name}" exceeds the limit "${format(limit)}". `,
    }
  }
  return undefined
}

function podExcess(pod: Pod, usage: LimitedStorage): StorageExcess | undefined {
  const limit = podLimit(pod, storage)
  if (!limit || BigInt(podStorageBytes(pod, usage)) <= wholeUnits(limit)) return undefined
  return {
    signal: 'ephemeralpodfs.limit',
    message: `Pod ephemeral local storage usage exceeds the total limit of containers ${format(limit)}. `,
  }
}

/** What counts against the limit of the pod as a whole; a Secret lies in memory on a kubelet, and does not. */
export function podStorageBytes({ spec }: Pod, { volumes, logs, layers }: LimitedStorage): number {
  let bytes = 0
  for (const { name, emptyDir, configMap } of spec.volumes ?? []) {
    if (emptyDir ?? configMap) bytes += volumes.get(name)?.usedBytes ?? 0
  }
  for (const { usedBytes } of logs.values()) bytes += usedBytes
  for (const layerBytes of layers.values()) bytes += layerBytes
  return bytes
}

function containerExcess(
  { spec }: Pod,
  { logs, layers }: LimitedStorage,
): StorageExcess | undefined {
  for (const { name, resources } of spec.containers) {
    const text = resources?.limits?.[storage]
    if (text === undefined) continue
    const limit = parseQuantity(text)
    const bytes = (logs.get(name)?.usedBytes ?? 0) + (layers.get(name) ?? 0)
    if (!isBeyond(bytes, limit)) continue
    return {
      signal: 'ephemeralcontainerfs.limit',
      message: `Container ${name} exceeded its local ephemeral storage limit "${format(limit)}". `,
    }
  }
  return undefined
}

/** Here a limit of zero is none. */
function isBeyond(bytes: number | undefined, limit: Quantity): boolean {
  return bytes !== undefined && limit.nanos > 0n && BigInt(bytes) > wholeUnits(limit)
}
