// SPDX-License-Identifier: Apache-2.0
// Asks the kubelets for their resource metrics while somebody wants to know, as metrics-server does all
// the time: two samples make a rate. A node that does not answer is left out.
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import { firstBytes } from '../kubelet/bounded-body.ts'
import { kubeletEndpoint } from '../kubelet/kubelet-endpoint.ts'
import type { KubeletClient } from '../kubelet/kubelet-client.ts'
import type { Store } from '../storage/store.ts'
import { parseResourceMetrics } from './resource-samples.ts'
import type { NodeSamples } from './resource-samples.ts'

export interface MetricsCollectorOptions {
  readonly store: Store
  readonly kubelets: KubeletClient
  readonly clock: Clock
  readonly log: Logger
}

/** The last two scrapes of a node. */
export interface SamplePair {
  readonly earlier: NodeSamples
  readonly later: NodeSamples
}

/** Samples are this fresh; the window between two is at least `minWindowMs`. */
const maxAgeMs = 15_000
const minWindowMs = 1000
/** Older ones say nothing about now. */
const forgetAfterMs = 120_000
const timeoutMs = 10_000
const maxConcurrent = 20
/** Of one node: thousands of containers need less. */
const maxAnswerBytes = 16 * 1024 * 1024

interface Scrape {
  readonly atMs: number
  readonly samples: NodeSamples
}

export class MetricsCollector {
  readonly #options: MetricsCollectorOptions
  readonly #scrapes = new Map<
    string,
    { readonly earlier: Scrape | undefined; readonly later: Scrape }
  >()
  #running: Promise<void> | undefined

  constructor(options: MetricsCollectorOptions) {
    this.#options = options
  }

  /** Samples of all nodes that answer, by node name; takes up to a second when nobody asked lately. */
  async samples(): Promise<ReadonlyMap<string, SamplePair>> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined
    })
    await this.#running
    const pairs = new Map<string, SamplePair>()
    for (const [name, { earlier, later }] of this.#scrapes) {
      if (earlier) pairs.set(name, { earlier: earlier.samples, later: later.samples })
    }
    return pairs
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    this.#forget(nowMs)
    const names = this.#options.store.list('nodes').items.map(({ object }) => object.metadata.name)
    const stale = names.filter((name) => {
      const scrape = this.#scrapes.get(name)
      return !scrape || nowMs - scrape.later.atMs > maxAgeMs
    })
    await this.#scrapeAll(stale)
    const alone = names.filter((name) => this.#scrapes.get(name)?.earlier === undefined)
    if (alone.length === 0) return
    await clock.sleep(minWindowMs)
    await this.#scrapeAll(alone)
  }

  #forget(nowMs: number): void {
    for (const [name, { later }] of this.#scrapes) {
      if (nowMs - later.atMs > forgetAfterMs) this.#scrapes.delete(name)
    }
  }

  async #scrapeAll(names: readonly string[]): Promise<void> {
    const waiting = [...names]
    const work = async (): Promise<void> => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
        await this.#scrape(name)
    }
    await Promise.all(Array.from({ length: Math.min(maxConcurrent, names.length) }, work))
  }

  async #scrape(name: string): Promise<void> {
    const { store, kubelets, clock, log } = this.#options
    try {
      const answer = await kubelets.call({
        endpoint: kubeletEndpoint(store, name),
        method: 'GET',
        path: '/metrics/resource',
        signal: AbortSignal.timeout(timeoutMs),
      })
      const bytes = await firstBytes(answer, maxAnswerBytes)
      if (bytes.length === maxAnswerBytes) throw new Error(`more than ${maxAnswerBytes} bytes`)
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
      const later = {
        atMs: clock.monotonicMs(),
        samples: parseResourceMetrics(bytes.toString('utf8'), clock.nowMs()),
      }
      this.#scrapes.set(name, { earlier: this.#scrapes.get(name)?.later, later })
    } catch (error) {
      this.#scrapes.delete(name)
      log.debug({ node: name, error: messageOf(error) }, 'Node did not tell its metrics')
    }
  }
}
