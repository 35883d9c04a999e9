// SPDX-License-Identifier: Apache-2.0
//
// Creates and deletes many pods of one node as fast as the API server takes them, and watches when
// each of them is bound, runs and is gone. All times are those of the watch, so that the generator's
// own delays are nobody's fault.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import type { Cluster } from '../test/e2e/cluster.ts'
import { eventually } from '../test/e2e/eventually.ts'

/** Requests of the generator that are under way at the same time. */
const PARALLEL = 32
/** The slowest of those that take part needs a minute. */
const PATIENCE_MS = 240_000
const NAMESPACE = '/api/v1/namespaces/default/pods'

/** When the states of one pod were seen, in ms of `performance.now()`. */
interface Times {
  bound: number
  running?: number
  gone?: number
}

interface WatchEvent {
  readonly type: string
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string }
    readonly status?: { readonly phase?: string }
  }
}

/** How to make pods. */
export interface PodLoadOptions {
  readonly node: string
  readonly count: number
  /** Pods per second; default: as many as possible. */
  readonly perSecond?: number
  /** The spec of each pod; default is an ordinary pod of one container. */
  readonly spec?: object
}

/** The pods of one measurement. */
export class PodLoad implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #options: PodLoadOptions
  readonly #agent: Agent
  readonly #times = new Map<string, Times>()
  readonly #abort = new AbortController()
  #resourceVersion = ''
  #gone = 0
  #running = 0
  #watching: Promise<void> | undefined

  constructor(cluster: Cluster, options: PodLoadOptions) {
    this.#cluster = cluster
    this.#options = options
    const { endpoint, admin } = cluster.files
    this.#agent = new Agent({
      connect: { ca: endpoint.authority, cert: admin.certificate, key: admin.key },
      connections: PARALLEL + 1,
      bodyTimeout: 0,
    })
  }

  /** Begins to watch. */
  async start(): Promise<void> {
    const list = await this.#request('GET', `${NAMESPACE}?limit=1`)
    const { metadata } = JSON.parse(list) as { metadata: { resourceVersion: string } }
    this.#resourceVersion = metadata.resourceVersion
    this.#watching = this.#watch()
  }

  /** Creates all pods; returns the ms from the first request until the last pod was seen Running. */
  async up(): Promise<number> {
    const { count } = this.#options
    const body = (name: string) => JSON.stringify(podOf(name, this.#options))
    const start = performance.now()
    await this.#forEach((name) => this.#request('POST', NAMESPACE, body(name)))
    await this.#settled(() => this.#running === count, `${count} pods to run`)
    return Math.max(...this.#all('running')) - start
  }

  /** Deletes all pods; returns the ms from the first request until the last pod was seen to go. */
  async down(): Promise<number> {
    const { count } = this.#options
    const start = performance.now()
    await this.#forEach((name) => this.#request('DELETE', `${NAMESPACE}/${name}`))
    await this.#settled(() => this.#gone === count, `${count} pods to be gone`)
    return Math.max(...this.#all('gone')) - start
  }

  /** Ms from bound to Running of each pod, sorted. */
  latencies(): readonly number[] {
    const times = [...this.#times.values()]
    return times.map(({ bound, running = Number.NaN }) => running - bound).sort((a, b) => a - b)
  }

  /** When each pod was seen for the first time, in ms of the epoch, by its name. */
  boundAtMs(): ReadonlyMap<string, number> {
    const times = [...this.#times].map(
      ([name, { bound }]) => [name, performance.timeOrigin + bound] as const,
    )
    return new Map(times)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.#watching
    await this.#agent.destroy()
  }

  #all(what: 'running' | 'gone'): readonly number[] {
    return [...this.#times.values()].map((times) => times[what] ?? Number.NaN)
  }

  async #settled(isSettled: () => boolean, what: string): Promise<void> {
    try {
      await eventually(isSettled, { what, timeoutMs: PATIENCE_MS, intervalMs: 20 })
    } catch (cause) {
      const seen = `seen: ${this.#times.size} bound, ${this.#running} running, ${this.#gone} gone`
      throw new Error(`Timed out waiting for ${what}; ${seen}`, { cause })
    }
  }

  async #forEach(send: (name: string) => Promise<unknown>): Promise<void> {
    const { count, perSecond } = this.#options
    let next = 0
    const start = performance.now()
    const worker = async () => {
      while (next < count) {
        const number = next++
        const due = perSecond === undefined ? 0 : start + (number * 1000) / perSecond
        const waitMs = due - performance.now()
        if (waitMs > 0) await sleep(waitMs)
        await send(`pod-${number}`)
      }
    }
    await Promise.all(Array.from(Array(PARALLEL), worker))
  }

  async #watch(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        await this.#watchOnce()
      } catch (error) {
        if (!this.#abort.signal.aborted)
          console.error(`The bench's watch broke off: ${String(error)}`)
      }
    }
  }

  async #watchOnce(): Promise<void> {
    const query = `watch=1&fieldSelector=spec.nodeName%3D${this.#options.node}`
    const { body } = await this.#agent.request({
      origin: this.#cluster.server,
      path: `${NAMESPACE}?${query}&resourceVersion=${this.#resourceVersion}`,
      method: 'GET',
      signal: this.#abort.signal,
    })
    for await (const line of createInterface({ input: body })) {
      const event = JSON.parse(line) as WatchEvent
      if (event.type === 'ERROR') throw new Error(line)
      this.#resourceVersion = event.object.metadata.resourceVersion
      this.#see(event, performance.now())
    }
  }

  #see({ type, object }: WatchEvent, time: number): void {
    const { name } = object.metadata
    let times = this.#times.get(name)
    if (times === undefined) this.#times.set(name, (times = { bound: time }))
    // A short pod may have ended before anybody was told that it ran.
    if (object.status?.phase !== 'Pending' && times.running === undefined) {
      times.running = time
      this.#running++
    }
    if (type === 'DELETED') {
      times.gone = time
      this.#gone++
    }
  }

  async #request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: string): Promise<string> {
    const response = await this.#agent.request({
      origin: this.#cluster.server,
      path,
      method,
      headers: { 'content-type': 'application/json' },
      body: body ?? null,
    })
    const text = await response.body.text()
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${text}`)
    return text
  }
}

const RESOURCES = { requests: { cpu: '1m', memory: '1Mi' } }

const ORDINARY_SPEC = {
  containers: [
    { name: 'main', image: 'registry.example/app:1', command: ['run'], resources: RESOURCES },
  ],
}

function podOf(name: string, { node, spec = ORDINARY_SPEC }: PodLoadOptions): object {
  const labels = { app: 'bench', tier: 'load' }
  return { metadata: { name, labels }, spec: { nodeName: node, ...spec } }
}
