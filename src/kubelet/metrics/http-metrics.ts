// SPDX-License-Identifier: Apache-2.0
// The kubelet's own counts of its HTTP requests, of one node: by method, the first word of the path where
// that begins a route, and whether such requests last long. Callers choose neither names nor their number.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RequestHandler } from '../listener.ts'

const labelNames = ['method', 'path', 'server_type', 'long_running'] as const
type LabelName = (typeof labelNames)[number]

const methods = new Set(['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT'])
/** In the kubelet's spelling, by which `portForward` is none. */
const longRunning = new Set(['exec', 'attach', 'portforward', 'debug'])
const streaming: Readonly<Record<string, string>> = {
  exec: 'exec',
  attach: 'attach',
  portForward: 'portforward',
}

/** The metrics of one kind of request; prom-client is told the counts when somebody asks for them. */
interface Series {
  readonly labels: Readonly<Record<LabelName, string>>
  total: number
  inFlight: number
  readonly duration: { observe(seconds: number): void }
}

/** Counts requests; see `counted`. */
export class HttpMetrics {
  readonly #registry = new Registry()
  readonly #total: Counter<LabelName>
  readonly #inFlight: Gauge<LabelName>
  readonly #duration: Histogram<LabelName>
  readonly #webSockets: Counter<'subresource'>
  /** Looked up once: prom-client makes a key of the labels at each call. */
  readonly #series = new Map<string, Series>()

  constructor() {
    const registers = [this.#registry]
    this.#total = new Counter({
      name: 'kubelet_http_requests_total',
      help: '[ALPHA] Number of the http requests received since the server started',
      labelNames,
      registers,
      collect: () => this.#tellTotals(),
    })
    this.#inFlight = new Gauge({
      name: 'kubelet_http_inflight_requests',
      help: '[ALPHA] Number of the inflight http requests',
      labelNames,
      registers,
      collect: () => this.#tellInFlight(),
    })
    this.#duration = new Histogram({
      name: 'kubelet_http_requests_duration_seconds',
      help: '[ALPHA] Duration in seconds to serve http requests',
      labelNames,
      registers,
    })
    this.#webSockets = new Counter({
      name: 'kubelet_websocket_streaming_requests_total',
      help: '[ALPHA] Total number of WebSocket streaming requests (exec/attach/portforward) received by the kubelet.',
      labelNames: ['subresource'],
      registers,
    })
  }

  /** The same handler, whose requests are counted; `paths` are those of its routes. */
  counted(handle: RequestHandler, paths: readonly string[]): RequestHandler {
    const roots = new Set(paths.map(rootOf))
    return async (exchange) => {
      const { request, upgrade } = exchange
      const root = rootOf(request.url ?? '')
      const path = roots.has(root) ? root : 'other'
      const series = this.#seriesOf(request.method ?? '', path)
      const subresource = streaming[root]
      if (upgrade && subresource && request.headers.upgrade?.toLowerCase() === 'websocket') {
        this.#webSockets.inc({ subresource })
      }
      const startMs = performance.now()
      series.total += 1
      series.inFlight += 1
      try {
        await handle(exchange)
      } finally {
        series.inFlight -= 1
        series.duration.observe((performance.now() - startMs) / 1000)
      }
    }
  }

  /** In the Prometheus text format. */
  async text(): Promise<string> {
    return await this.#registry.metrics()
  }

  #seriesOf(givenMethod: string, path: string): Series {
    const method = methods.has(givenMethod) ? givenMethod : 'other'
    const key = `${method} ${path}`
    const known = this.#series.get(key)
    if (known) return known
    const labels = {
      method,
      path,
      server_type: 'readwrite',
      long_running: String(longRunning.has(path)),
    }
    const series = { labels, total: 0, inFlight: 0, duration: this.#duration.labels(labels) }
    this.#series.set(key, series)
    return series
  }

  #tellTotals(): void {
    this.#total.reset()
    for (const { labels, total } of this.#series.values()) this.#total.inc(labels, total)
  }

  #tellInFlight(): void {
    for (const { labels, inFlight } of this.#series.values()) this.#inFlight.set(labels, inFlight)
  }
}

/** The first word of a path; below `metrics` the first two. */
function rootOf(url: string): string {
  const queryAt = url.indexOf('?')
  const end = queryAt === -1 ? url.length : queryAt
  const start = url.startsWith('/') ? 1 : 0
  const first = wordAt(url, { start, end })
  if (first !== 'metrics') return first
  const second = wordAt(url, { start: start + first.length + 1, end })
  return second === '' ? first : `${first}/${second}`
}

/** Up to the next slash, or the end. */
function wordAt(url: string, { start, end }: { readonly start: number; readonly end: number }) {
  const slashAt = url.indexOf('/', start)
  return url.slice(start, slashAt === -1 || slashAt > end ? end : slashAt)
}
