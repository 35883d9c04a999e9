// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet start`: the life of the process. Locks its state, reaches the cluster, runs the
// nodes until a signal comes, and leaves in an order that never looks like a crash.
import { startHealthServer } from '../kubelet/health-server.ts'
import { startMetricsServer } from '../kubelet/metrics-server.ts'
import { Metrics } from '../observe/metrics.ts'
import { createPinoLogger } from '../observe/pino-logger.ts'
import { systemClock } from '../util/clock.ts'
import { lockDir } from '../util/dir-lock.ts'
import type { Logger } from '../util/logger.ts'
import { collectWhenQuiet } from '../util/quiet-collection.ts'
import { untilAborted, whenAborted } from '../util/until-aborted.ts'
import { UserError } from '../util/vk-error.ts'
import { wayToCluster } from './reach-cluster.ts'
import type { Settings } from './settings.ts'
import { stopSignals } from './stop-signals.ts'
import { version } from './version.ts'
import { VirtualNode } from './virtual-node.ts'

/** What the steps of a start work with. */
interface Run {
  readonly settings: Settings
  readonly log: Logger
  readonly resources: AsyncDisposableStack
  /** Aborts when the start shall be given up: a stop signal, or the start-up timeout. */
  readonly signal: AbortSignal
  /** Filled as they are made, so that a start which is cut short can still take leave. */
  readonly nodes: VirtualNode[]
}

/** Runs until SIGTERM or SIGINT; a second signal ends the process where it stands. */
export async function start(settings: Settings): Promise<void> {
  const { logLevel: level, logFormat: format } = settings
  const log = createPinoLogger({ level, format })
  using stop = stopSignals(log)
  await using resources = new AsyncDisposableStack()
  resources.use(collectWhenQuiet({ clock: systemClock }))
  using deadline = startupDeadline(settings)
  const signal = AbortSignal.any([stop.signal, deadline.signal])
  const nodes: VirtualNode[] = []
  try {
    await bringUp({ settings, log, resources, signal, nodes })
    deadline[Symbol.dispose]()
    await whenAborted(stop.signal)
  } catch (error) {
    // A stop signal during the start ends it like any other wait; everything else is a failure.
    if (!stop.signal.aborted) {
      await Promise.all(nodes.map((node) => node.leave({ drain: false, deleteNode: false })))
      throw error
    }
  }
  const { drainOnExit: drain, deleteNodeOnExit: deleteNode } = settings
  await Promise.all(nodes.map((node) => node.leave({ drain: drain || node.endsPods, deleteNode })))
}

async function bringUp(run: Run): Promise<void> {
  const { settings, log, resources, signal, nodes } = run
  const metrics = new Metrics()
  const reach = await wayToCluster({ settings, metrics, log, resources, signal })
  resources.use(await untilAborted(lockDir(settings.rootDir), signal))
  log.info({ version, rootDir: settings.rootDir }, 'virtual-kubelet starts')
  await serveHealth(run)
  for (const node of settings.nodes) {
    const shared = await reach(node.name)
    nodes.push(resources.use(await untilAborted(VirtualNode.open(node, shared), signal)))
  }
  await serveMetrics(run, metrics)
  await untilAborted(Promise.all(nodes.map((node) => node.start())), signal)
  await Promise.all(nodes.map((node) => node.whenReady(signal)))
  log.info({ nodes: nodes.map(({ name }) => name) }, 'Ready')
}

/** Serves from the very start, so that a probe sees a process that waits and not a dead one. */
async function serveHealth({ settings, log, resources, nodes }: Run): Promise<void> {
  const { healthzPort: port } = settings
  if (port === 0) return
  const readinessChecks = settings.nodes.map(({ name }) => ({
    name: `node-${name}`,
    check: () => {
      const node = nodes.find((candidate) => candidate.name === name)
      return node ? node.obstacle : 'the API server has not been reached yet'
    },
  }))
  resources.use(await startHealthServer({ port, healthChecks: [], readinessChecks, log }))
}

async function serveMetrics(
  { settings, log, resources, nodes }: Run,
  metrics: Metrics,
): Promise<void> {
  const { metricsAddr } = settings
  if (metricsAddr === undefined) return
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(metricsAddr) ?? []
  const address = host.replaceAll(/^\[|\]$/g, '') || '0.0.0.0'
  const [first] = nodes
  const security = first && { security: first.security }
  resources.use(
    await startMetricsServer({ address, port: Number(port), metrics, log, ...security }),
  )
}

function startupDeadline({ startupTimeoutSeconds: seconds }: Settings): Disposable & {
  readonly signal: AbortSignal
} {
  const controller = new AbortController()
  const giveUp = (): void =>
    controller.abort(
      new UserError(`Cannot get ready within ${seconds} s (--startup-timeout)`, {
        hint: 'The log lines above say what was waited for.',
      }),
    )
  const timer = seconds > 0 ? systemClock.setTimer(seconds * 1000, giveUp) : undefined
  return { signal: controller.signal, [Symbol.dispose]: () => timer?.[Symbol.dispose]() }
}
