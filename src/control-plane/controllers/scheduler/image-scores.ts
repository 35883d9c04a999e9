// SPDX-License-Identifier: Apache-2.0
// Nodes that have a pod's images already score higher, the more so the larger the images are and the
// more nodes have them (else all pods would crowd onto the one node that pulled first).
import type { NodeRoom } from './node-room.ts'
import type { PodPlan } from './placement-filters.ts'

const megabyte = 1024 * 1024
const minThreshold = 23 * megabyte
const maxThresholdOfContainer = 1000 * megabyte

/** 0 to 100 for each candidate; undefined when no candidate reports images. */
export function imageScores(
  { pod, rooms }: PodPlan,
  candidates: readonly NodeRoom[],
): readonly number[] | undefined {
  if (candidates.every(({ node }) => (node.status?.images ?? []).length === 0)) return undefined
  const { containers, initContainers = [] } = pod.pod.spec
  const images = [...initContainers, ...containers].map(({ image }) => withTag(image ?? ''))
  const shares = new Map(images.map((image) => [image, shareOfNodes(image, rooms.rooms)]))
  const maxThreshold =
    maxThresholdOfContainer * Math.max(containers.length + initContainers.length, 1)
  return candidates.map((room) => {
    const sum = images.reduce(
      (total, image) => total + Math.trunc(sizeOn(room, image) * (shares.get(image) ?? 0)),
      0,
    )
    const within = Math.min(Math.max(sum, minThreshold), maxThreshold)
    return Math.trunc((100 * (within - minThreshold)) / (maxThreshold - minThreshold))
  })
}

function withTag(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}

function sizeOn({ node }: NodeRoom, image: string): number {
  const found = node.status?.images?.find(({ names = [] }) => names.includes(image))
  return found?.sizeBytes ?? 0
}

function shareOfNodes(image: string, rooms: readonly NodeRoom[]): number {
  return rooms.filter((room) => sizeOn(room, image) > 0).length / rooms.length
}
