// SPDX-License-Identifier: Apache-2.0
// The way of each node of `start` to its cluster. With a kubeconfig all nodes share its identity and
// one client; with a bootstrap kubeconfig each joins by itself and is somebody of its own.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import { createKubeClient } from '../kube/http-kube-client.ts'
import { loadConnection } from '../kube/kubeconfig.ts'
import { ClientIdentity } from '../kubelet/identity/client-identity.ts'
import { readMachineInfo } from '../node/machine-info.ts'
import type { Metrics } from '../observe/metrics.ts'
import { NodeServices } from '../pods/node-services.ts'
import { systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { clusterIdOf, waitForApiServer } from './cluster.ts'
import { planeFacts } from './join-embedded.ts'
import type { NodeProcess } from './node-process.ts'
import type { Settings } from './settings.ts'
import { userAgent } from './version.ts'

export interface ReachOptions {
  readonly settings: Settings
  readonly metrics: Metrics
  readonly log: Logger
  /** Gets what has to end with the nodes. */
  readonly resources: AsyncDisposableStack
  readonly signal: AbortSignal
}

const clock = systemClock

/** Gives a node its client and what goes with it, once the API server has answered. */
export type ReachCluster = (nodeName: string) => Promise<NodeProcess>

/**
 * One way for all nodes, or one for each. Reads the kubeconfigs that it will need, so that a mistake in
 * them is said before anything is made.
 */
export async function wayToCluster(options: ReachOptions): Promise<ReachCluster> {
  if (options.settings.bootstrapKubeconfig !== undefined) {
    await checkBootstrap(options)
    return async (nodeName) => await connect(await joinCluster(nodeName, options), options)
  }
  const connection = await connectionOf(options)
  let shared: Promise<NodeProcess> | undefined
  return () => {
    shared ??= connect(connection, options)
    return shared
  }
}

/** A bootstrap kubeconfig that has done its work may be gone; until then it has to be one. */
async function checkBootstrap({ settings, log, signal }: ReachOptions): Promise<void> {
  const { bootstrapKubeconfig: kubeconfig = '', nodes } = settings
  if (nodes.every(({ name }) => existsSync(kubeconfigOf(name, settings)))) return
  await untilAborted(loadConnection({ kubeconfig, env: {}, log }), signal)
}

function kubeconfigOf(nodeName: string, { kubeconfig, rootDir }: Settings): string {
  return kubeconfig ?? join(rootDir, 'nodes', nodeName, 'kubeconfig')
}

async function connectionOf({ settings, log, signal }: ReachOptions): Promise<ClusterConnection> {
  const { kubeconfig, context } = settings
  const loading = loadConnection({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
    env: process.env,
    log,
  })
  return await untilAborted(loading, signal)
}

/** The node's own identity; see client-identity.ts for what it finds and what it asks for. */
async function joinCluster(nodeName: string, options: ReachOptions): Promise<ClusterConnection> {
  const { settings, metrics, log, resources, signal } = options
  const rootDir = join(settings.rootDir, 'nodes', nodeName)
  const identity = await ClientIdentity.open({
    nodeName,
    rootDir,
    kubeconfig: kubeconfigOf(nodeName, settings),
    bootstrap: () => bootstrapConnection(options),
    isRotating: settings.rotateCertificates,
    userAgent,
    clock,
    log: log.child({ node: nodeName }),
    metrics,
    signal,
  })
  resources.use(identity)
  return identity.connection
}

/** Read anew each time: the token may be another by then. A token that is refused ends the start. */
async function bootstrapConnection(options: ReachOptions): Promise<ClusterConnection> {
  const { settings, log, signal } = options
  const { bootstrapKubeconfig: kubeconfig = '' } = settings
  const connection = await loadConnection({ kubeconfig, env: {}, log })
  await using client = createKubeClient(connection, { userAgent, log })
  await waitForApiServer(client, { clock, log, signal })
  return connection
}

async function connect(
  connection: ClusterConnection,
  { settings, metrics, log, resources, signal }: ReachOptions,
): Promise<NodeProcess> {
  const client = resources.use(createKubeClient(connection, { userAgent, metrics, log }))
  await waitForApiServer(client, { clock, log, signal })
  const clusterId = clusterIdOf({ server: connection.server, ca: connection.tls.caPem })
  const services = resources.use(new NodeServices(client, { clock, log, metrics }))
  const machine = await readMachineInfo()
  const plane = await planeFacts(client, connection.tls)
  const { rootDir } = settings
  return { client, services, clusterId, plane, rootDir, machine, clock, log, metrics, settings }
}
