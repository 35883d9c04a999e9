// SPDX-License-Identifier: Apache-2.0
// The kubelet API of one node: HTTPS on a port of its own, every route behind authentication and
// authorization. Several run in one process, one per node.
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { dispatchTo } from './dispatch.ts'
import { withKubeletChecks } from './health.ts'
import type { HealthCheck, KubeletNode } from './kubelet-node.ts'
import { Listener } from './listener.ts'
import type { ListenerLimits } from './listener.ts'
import type { Route } from './router.ts'
import { HealthRecord } from './health-record.ts'
import { HttpMetrics } from './metrics/http-metrics.ts'
import { aboutRoutes } from './routes/configz.ts'
import type { KubeletAbout } from './routes/configz.ts'
import { attachRoutes, execRoutes } from './routes/container-command.ts'
import { containerLogsRoute } from './routes/container-logs.ts'
import { healthRoutes } from './routes/healthz.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { nodeLogsRoutes } from './routes/node-logs.ts'
import type { NodeLogsOptions } from './routes/node-logs.ts'
import { debuggingOffRoutes, nodeLogsOffRoutes, switchedOffRoutes } from './routes/not-offered.ts'
import { podsRoute, runningPodsRoute } from './routes/pods.ts'
import { portForwardRoutes } from './routes/port-forward.ts'
import { runRoutes } from './routes/run-command.ts'
import { statsRoutes } from './routes/stats.ts'
import type { KubeletSecurity } from './security.ts'
import { HostStats } from './stats/host-stats.ts'
import { usageOf } from './stats/node-usage.ts'
import { defaultStreamLimits } from './streaming/stream-options.ts'
import type { StreamLimits } from './streaming/stream-options.ts'
import { StreamQuota } from './streaming/stream-quota.ts'

export interface KubeletServerDeps {
  readonly node: KubeletNode
  /** Owned by the caller, who disposes it after the server. */
  readonly security: KubeletSecurity
  readonly clock: Clock
  readonly log: Logger
  /** What the process counts, for /metrics. */
  readonly metrics?: Metrics
  /** URL of the API server. */
  readonly apiServer?: string
  /** Beside the kubelet's own; one named `syncloop` replaces that. */
  readonly healthChecks?: readonly HealthCheck[]
}

export interface KubeletServerOptions {
  /** Such as `0.0.0.0` or `::`. */
  readonly address: string
  /** 0: any free one, see `port`. */
  readonly port: number
  /** The file system whose room is reported where the backend reports none. */
  readonly rootDir: string
  /** Logs, exec and the like; default true. */
  readonly enableDebuggingHandlers?: boolean
  /** The feature PodLogsQuerySplitStreams; default false. */
  readonly splitLogStreams?: boolean
  /** /configz, /flagz and /statusz; without it there are no such routes. */
  readonly about?: KubeletAbout
  /** Log files of the machine; left out, they are refused. */
  readonly nodeLogs?: NodeLogsOptions
  readonly limits?: Partial<ListenerLimits>
  readonly streamLimits?: Partial<StreamLimits>
}

/** A kubelet API that serves from `start` until it is disposed. */
export class KubeletServer implements AsyncDisposable {
  readonly #listener: Listener

  /** Rejects with a UserError when the address is taken. */
  static async start(
    deps: KubeletServerDeps,
    options: KubeletServerOptions,
  ): Promise<KubeletServer> {
    const { address, limits, port } = options
    const { log, security } = deps
    const http = new HttpMetrics()
    const routes = routesOf({ ...deps, http }, options)
    const paths = routes.map(({ path }) => path)
    const handle = http.counted(dispatchTo(routes, security.gate), paths)
    const listener = await Listener.open(handle, {
      name: 'the kubelet API',
      flag: '--kubelet-port (0: any free one) or --address',
      address,
      port,
      tls: security.tls,
      ...(limits && { limits }),
      log,
    })
    return new KubeletServer(listener)
  }

  private constructor(listener: Listener) {
    this.#listener = listener
  }

  /** The port that is listened on: what belongs into the Node's daemonEndpoints. */
  get port(): number {
    return this.#listener.port
  }

  /** Ends every request and closes the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener[Symbol.asyncDispose]()
  }
}

function routesOf(
  deps: KubeletServerDeps & { readonly http: HttpMetrics },
  options: KubeletServerOptions,
): readonly Route[] {
  const { apiServer: server = 'https://localhost', clock, healthChecks = [], log, node } = deps
  const { about, enableDebuggingHandlers = true, rootDir } = options
  const usage = usageOf(node, new HostStats({ clock, rootDir }))
  const health = new HealthRecord()
  const { http, metrics } = deps
  const version = about?.version ?? 'v0.0.0'
  const always = [
    ...healthRoutes('healthz', health.recorded(withKubeletChecks(healthChecks))),
    podsRoute(node),
    ...statsRoutes({ nodeName: node.nodeName, usage, log }),
    ...metricsRoutes({
      node,
      usage,
      health,
      http,
      version,
      server,
      log,
      ...(metrics && { metrics }),
    }),
  ]
  if (!enableDebuggingHandlers) return [...always, ...debuggingOffRoutes()]
  const routes = [...always, ...debuggingRoutes(deps, options)]
  return about
    ? [
        ...routes,
        ...aboutRoutes(
          about,
          routes.map(({ path }) => path),
        ),
      ]
    : routes
}

/** What looks into pods and the machine. */
function debuggingRoutes(
  { clock, log, node }: KubeletServerDeps,
  { nodeLogs, splitLogStreams = false, streamLimits }: KubeletServerOptions,
): readonly Route[] {
  const limits = { ...defaultStreamLimits, ...streamLimits }
  const streaming = { clock, log, limits, quota: new StreamQuota(limits.maxPerCaller) }
  return [
    runningPodsRoute(node, { log }),
    containerLogsRoute(node, { clock, log, allowStream: splitLogStreams }),
    ...execRoutes(node, streaming),
    ...attachRoutes(node, streaming),
    ...portForwardRoutes(node, streaming),
    ...runRoutes(node, { log }),
    ...(nodeLogs ? nodeLogsRoutes(nodeLogs) : nodeLogsOffRoutes()),
    ...switchedOffRoutes(),
  ]
}
