// SPDX-License-Identifier: Apache-2.0
//
// Pods of one node, so many on their way to Ready at the same time. All times are those of a watch.
import type { Pod } from '../../src/kube/types.gen.ts'
import type { Cluster } from '../../test/e2e/cluster.ts'

const path = '/api/v1/namespaces/default/pods'

export interface PodWavesOptions {
  readonly node: string
  readonly concurrency: number
  readonly spec: object
}

interface Waited {
  boundAtMs: number | undefined
  readonly ready: PromiseWithResolvers<number>
}

/** The pods of one measurement; they are deleted with it. */
export class PodWaves implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #options: PodWavesOptions
  readonly #ending = new AbortController()
  readonly #waited = new Map<string, Waited>()
  #watching: Promise<void> | undefined
  #count = 0

  constructor(cluster: Cluster, options: PodWavesOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Makes so many pods more; ms from bound to Ready of each, sorted. */
  async up(count: number): Promise<readonly number[]> {
    if (!this.#watching) {
      this.#watching = this.#watch()
      this.#watching.catch(() => {
        // It ends by its signal.
      })
    }
    const delays: number[] = []
    let next = this.#count
    this.#count += count
    const end = this.#count
    const worker = async (): Promise<void> => {
      for (let number = next++; number < end; number = next++) {
        delays.push(await this.#makeOne(`${this.#options.node}-${number}`))
      }
    }
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker))
    return delays.sort((one, other) => one - other)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#watching?.catch(() => {
      // As above.
    })
  }

  async #makeOne(name: string): Promise<number> {
    const { node, spec } = this.#options
    const ready = Promise.withResolvers<number>()
    this.#waited.set(name, { boundAtMs: undefined, ready })
    const body = { metadata: { name }, spec: { nodeName: node, ...spec } }
    await this.#cluster.api('POST', path, { body })
    return await ready.promise
  }

  async #watch(): Promise<void> {
    const query = `?watch=1&fieldSelector=spec.nodeName%3D${this.#options.node}`
    for await (const line of this.#cluster.lines(path + query, this.#ending.signal)) {
      const nowMs = performance.now()
      const { object } = JSON.parse(line) as { readonly object: Pod }
      const waited = this.#waited.get(object.metadata.name)
      if (!waited) continue
      waited.boundAtMs ??= nowMs
      const isReady = object.status?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      )
      if (!isReady) continue
      waited.ready.resolve(nowMs - waited.boundAtMs)
      this.#waited.delete(object.metadata.name)
    }
  }
}
