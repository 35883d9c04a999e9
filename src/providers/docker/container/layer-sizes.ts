// SPDX-License-Identifier: Apache-2.0
// How much containers have written over their images. An engine finds out by walking through all of it, so it is
// asked for all containers at once, now and then, and nobody waits for the answer: the last one is told.
import type { Clock } from '../../../util/clock.ts'
import { ownerFilter, type Owner } from './container-labels.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import type { ContainerSummary } from '../engine/engine-objects.ts'

export interface LayerSizesParts {
  readonly client: Pick<EngineClient, 'json'>
  readonly owner: Owner
  readonly clock: Clock
  /** Ends a measurement that is under way. */
  readonly signal: AbortSignal
}

const pauseMs = 20_000
/** Of the time at most one part in so many is spent on it. */
const share = 10
const timeoutMs = 300_000

/** Layers of one node's containers. */
export class LayerSizes {
  readonly #parts: LayerSizesParts
  #sizes: ReadonlyMap<string, number> = new Map()
  #dueMs = 0
  #isMeasuring = false

  constructor(parts: LayerSizesParts) {
    this.#parts = parts
  }

  /** Bytes by the engine's ids, as last measured; begins to measure anew where that is long ago. */
  latest(): ReadonlyMap<string, number> {
    const isDue = !this.#isMeasuring && this.#parts.clock.monotonicMs() >= this.#dueMs
    if (isDue && !this.#parts.signal.aborted) void this.#measure()
    return this.#sizes
  }

  /** Never rejects: an engine that cannot tell is asked again, later. */
  async #measure(): Promise<void> {
    const { client, owner, clock, signal } = this.#parts
    this.#isMeasuring = true
    const beginMs = clock.monotonicMs()
    const query = { size: 1, filters: { label: ownerFilter(owner), status: ['running'] } }
    const request = { path: '/containers/json', query }
    const answer = await client
      .json<readonly ContainerSummary[]>(request, { signal, timeoutMs })
      .catch(() => undefined)
    // Docker leaves out a size of nothing.
    if (answer) this.#sizes = new Map(answer.map(({ Id, SizeRw = 0 }) => [Id, SizeRw]))
    const endMs = clock.monotonicMs()
    this.#dueMs = endMs + Math.max(pauseMs, (endMs - beginMs) * share)
    this.#isMeasuring = false
  }
}
