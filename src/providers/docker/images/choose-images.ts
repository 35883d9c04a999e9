// SPDX-License-Identifier: Apache-2.0
// Which images go when the disk is full: those that nothing uses and that lie there longest, until enough is
// free; a pure decision.

export interface StoredImage {
  readonly id: string
  readonly sizeBytes: number
  /** When something last used it, or when it was first seen. */
  readonly lastUsedMs: number
  readonly isUsed: boolean
}

export interface DiskUsage {
  readonly capacityBytes: number
  readonly availableBytes: number
}

export interface CollectionLimits {
  readonly highPercent: number
  readonly lowPercent: number
  readonly minimumAgeMs: number
}

/** What images are weighed against. */
export interface Collection {
  readonly disk: DiskUsage | 'full'
  readonly limits: CollectionLimits
  readonly nowMs: number
}

/** Ids to remove, in order; none while usage is below the high mark, all that may go when the disk is full. */
export function chooseImages(
  images: readonly StoredImage[],
  { disk, limits, nowMs }: Collection,
): readonly string[] {
  let toFree = bytesToFree(disk, limits)
  const chosen: string[] = []
  for (const { id, sizeBytes, lastUsedMs, isUsed } of images.toSorted(byLastUse)) {
    if (toFree <= 0) break
    if (isUsed || nowMs - lastUsedMs < limits.minimumAgeMs) continue
    chosen.push(id)
    toFree -= sizeBytes
  }
  return chosen
}

function bytesToFree(
  disk: DiskUsage | 'full',
  { highPercent, lowPercent }: CollectionLimits,
): number {
  if (disk === 'full') return Infinity
  const { capacityBytes, availableBytes } = disk
  const usedPercent = 100 - (100 * availableBytes) / capacityBytes
  if (capacityBytes <= 0 || usedPercent < highPercent) return 0
  return (capacityBytes * (100 - lowPercent)) / 100 - availableBytes
}

function byLastUse(one: StoredImage, other: StoredImage): number {
  return one.lastUsedMs - other.lastUsedMs
}
