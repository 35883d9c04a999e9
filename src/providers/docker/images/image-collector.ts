// SPDX-License-Identifier: Apache-2.0
// What lies in the engine's image store: a list for the Node's status, and the removal of what this node
// pulled and nothing needs any more, when the engine's disk is full. Images that others brought are never
// touched.
import type { ContainerImage } from '../../../kube/types.gen.ts'
import type { Clock } from '../../../util/clock.ts'
import type { Logger } from '../../../util/logger.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { readEngineDisk } from '../engine/engine-disk.ts'
import { isConflict, isNotFound } from '../engine/engine-error.ts'
import type { ContainerSummary } from '../engine/engine-objects.ts'
import { chooseImages, type CollectionLimits, type DiskUsage } from './choose-images.ts'
import type { PullRecords } from './pull-records.ts'

interface ImageSummary {
  readonly Id: string
  readonly RepoTags?: readonly string[] | null
  readonly RepoDigests?: readonly string[] | null
  readonly Size: number
}

export interface CollectorParts {
  readonly engine: Engine
  readonly clock: Clock
  readonly log: Logger
  readonly records: PullRecords
  readonly limits: CollectionLimits
}

const maxNames = 5

/** Images of one engine, as this node uses them. */
export class ImageCollector {
  readonly #parts: CollectorParts
  readonly #lastUsedMs = new Map<string, number>()
  #isFreeing = false

  constructor(parts: CollectorParts) {
    this.#parts = parts
  }

  /** A pod asks for it now. */
  used(imageId: string): void {
    this.#lastUsedMs.set(imageId, this.#parts.clock.nowMs())
  }

  /** For the Node's status: the largest first. */
  async list(signal: AbortSignal): Promise<readonly ContainerImage[]> {
    const images = await this.#images(signal)
    return images
      .map(({ RepoTags, RepoDigests, Size }) => ({
        names: namesOf([...(RepoDigests ?? []), ...(RepoTags ?? [])]),
        sizeBytes: Size,
      }))
      .filter(({ names }) => names.length > 0)
      .toSorted((one, other) => other.sizeBytes - one.sizeBytes || compare(one.names, other.names))
  }

  /** The engine has said that its disk is full: all that nothing uses goes, in the background. */
  free(signal: AbortSignal): void {
    if (this.#isFreeing) return
    this.#isFreeing = true
    void this.#collect('full', signal)
      .catch((error: unknown) => {
        this.#parts.log.warn({ error: messageOf(error) }, 'No image could be removed')
      })
      .finally(() => {
        this.#isFreeing = false
      })
  }

  /** Removes what may go where the disk is as full as the limits say; tells how many images went. */
  async collect(signal: AbortSignal): Promise<number> {
    const disk = await this.#diskUsage(signal)
    return disk ? await this.#collect(disk, signal) : 0
  }

  async #collect(disk: DiskUsage | 'full', signal: AbortSignal): Promise<number> {
    const { engine, clock, limits, records, log } = this.#parts
    const nowMs = clock.nowMs()
    const query = { all: 1 }
    const request = { path: '/containers/json', query }
    const [images, containers] = await Promise.all([
      this.#images(signal),
      engine.client.json<readonly ContainerSummary[]>(request, { signal }),
    ])
    const inUse = new Set(containers.map(({ ImageID }) => ImageID))
    for (const { Id } of images) {
      if (inUse.has(Id) || !this.#lastUsedMs.has(Id)) this.#lastUsedMs.set(Id, nowMs)
    }
    const ids = new Set(images.map(({ Id }) => Id))
    for (const id of this.#lastUsedMs.keys()) if (!ids.has(id)) this.#lastUsedMs.delete(id)
    const own = images.filter(({ Id }) => records.has(Id))
    const stored = own.map(({ Id, Size }) => ({
      id: Id,
      sizeBytes: Size,
      lastUsedMs: this.#lastUsedMs.get(Id) ?? nowMs,
      isUsed: inUse.has(Id),
    }))
    const removed: string[] = []
    for (const id of chooseImages(stored, { disk, limits, nowMs })) {
      if (await this.#remove(id, signal)) removed.push(id)
    }
    await records.forget(removed)
    if (removed.length > 0) log.info({ images: removed }, 'Removed images that nothing used')
    return removed.length
  }

  async #remove(id: string, signal: AbortSignal): Promise<boolean> {
    const request = { method: 'DELETE', path: `/images/${id}`, query: { force: 1 } } as const
    try {
      await this.#parts.engine.client.text(request, { signal })
      this.#lastUsedMs.delete(id)
      return true
    } catch (error) {
      if (isNotFound(error)) return true
      // A container was made of it meanwhile.
      if (!isConflict(error)) {
        this.#parts.log.warn({ image: id, error: messageOf(error) }, 'Image cannot be removed')
      }
      return false
    }
  }

  async #images(signal: AbortSignal): Promise<readonly ImageSummary[]> {
    const { client } = this.#parts.engine
    return await client.json<readonly ImageSummary[]>({ path: '/images/json' }, { signal })
  }

  /** Of the file system that holds the images; undefined where nobody can tell. */
  async #diskUsage(signal: AbortSignal): Promise<DiskUsage | undefined> {
    const { engine, clock } = this.#parts
    const time = new Date(clock.nowMs()).toISOString()
    const { capacityBytes, availableBytes } = (await readEngineDisk(engine, { time, signal })) ?? {}
    const isKnown = capacityBytes !== undefined && availableBytes !== undefined
    return isKnown ? { capacityBytes, availableBytes } : undefined
  }
}

function namesOf(all: readonly string[]): readonly string[] {
  return all.filter((name) => !name.includes('<none>')).slice(0, maxNames)
}

function compare(one: readonly string[], other: readonly string[]): number {
  return one.join() < other.join() ? -1 : 1
}
