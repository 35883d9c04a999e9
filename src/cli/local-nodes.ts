// SPDX-License-Identifier: Apache-2.0
// Nodes that live in the process of a command (`up`, `run`, the demo) and leave with it: their pods end
// with grace.
import { readMachineInfo } from '../node/machine-info.ts'
import { Metrics } from '../observe/metrics.ts'
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import { createKubeClient } from '../kube/http-kube-client.ts'
import { NodeServices } from '../pods/node-services.ts'
import type { Clock } from '../util/clock.ts'
import { lockDir } from '../util/dir-lock.ts'
import type { Logger } from '../util/logger.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { UserError, messageOf } from '../util/vk-error.ts'
import { clusterIdOf, waitForApiServer } from './cluster.ts'
import { planeFacts } from './join-embedded.ts'
import { completeNode } from './load-settings.ts'
import type { NodeProcess } from './node-process.ts'
import { userAgent } from './version.ts'
import { VirtualNode } from './virtual-node.ts'

export interface LocalNodesOptions {
  readonly names: readonly string[]
  /** How a node of that name reaches the cluster. */
  readonly connectionFor: (name: string) => Promise<ClusterConnection>
  readonly provider: string
  /** Where state is kept; locked. */
  readonly rootDir: string
  /** Further settings of each node, by the names of the configuration file. */
  readonly settingsFor: (name: string) => Promise<Readonly<Record<string, unknown>>>
  /** Takes the Node objects out of the cluster at the end; a node's own identity may not do that. */
  readonly deletesNodes: boolean
  /** Drops what backends keep of the pods at the end: the cluster ends, or has them no more. */
  readonly forgetsPods: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

const startLimitMs = 60_000

/** Nodes that run pods until disposed of. */
export class LocalNodes implements AsyncDisposable {
  readonly #nodes: readonly VirtualNode[]
  readonly #resources: AsyncDisposableStack

  /** Resolves once all are Ready. */
  static async start(options: LocalNodesOptions): Promise<LocalNodes> {
    const { names, clock } = options
    using limit = startLimit(clock)
    const signal = AbortSignal.any([options.signal, limit.signal])
    await using resources = new AsyncDisposableStack()
    resources.use(await lockDir(options.rootDir))
    const machine = await readMachineInfo()
    const nodes: VirtualNode[] = []
    for (const name of names) {
      const { provider } = options
      const own = await options.settingsFor(name)
      const settings = completeNode({
        name,
        provider,
        kubeletPort: 0,
        // The clusters of these commands have none, and their users no flag for another's.
        clusterDNS: 'none',
        ...own,
      })
      const shared = await nodeProcess(name, { ...options, signal, machine, resources })
      const node = await untilAborted(VirtualNode.open(settings, shared), signal)
      resources.use(node)
      nodes.push(node)
    }
    // Whatever cuts the start short, what has begun takes its leave before its parts end.
    resources.defer(() => leaveAll(nodes, options))
    await untilAborted(Promise.all(nodes.map((node) => node.start())), signal)
    await Promise.all(nodes.map((node) => node.whenReady(signal)))
    return new LocalNodes(nodes, resources.move())
  }

  private constructor(nodes: readonly VirtualNode[], resources: AsyncDisposableStack) {
    this.#nodes = nodes
    this.#resources = resources
  }

  get names(): readonly string[] {
    return this.#nodes.map(({ name }) => name)
  }

  /** Ends all pods with their grace and takes the nodes out of the cluster. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]()
  }
}

/** A command for people does not wait for ever, as `start` does for a cluster that is not there yet. */
function startLimit(clock: Clock): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const timer = clock.setTimer(startLimitMs, () => {
    const hint = 'See why with --log-level info.'
    const message = `Cannot get the nodes Ready within ${startLimitMs / 1000} s`
    controller.abort(new UserError(message, { hint }))
  })
  return { signal: controller.signal, [Symbol.dispose]: () => timer[Symbol.dispose]() }
}

async function leaveAll(
  nodes: readonly VirtualNode[],
  { deletesNodes: deleteNode, forgetsPods, log }: LocalNodesOptions,
): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      await node.leave({ drain: true, deleteNode })
      if (!forgetsPods) return
      await node.forgetPods().catch((error: unknown) => {
        log.warn({ node: node.name, error: messageOf(error) }, 'Its pods may have left something')
      })
    }),
  )
}

async function nodeProcess(
  name: string,
  context: LocalNodesOptions & {
    readonly machine: NodeProcess['machine']
    readonly resources: AsyncDisposableStack
  },
): Promise<NodeProcess> {
  const { rootDir, clock, log, machine, resources, signal } = context
  const connection = await context.connectionFor(name)
  const metrics = new Metrics()
  const client = resources.use(createKubeClient(connection, { userAgent, metrics, log }))
  await waitForApiServer(client, { clock, log, signal })
  const clusterId = clusterIdOf({ server: connection.server, ca: connection.tls.caPem })
  const services = resources.use(new NodeServices(client, { clock, log, metrics }))
  const plane = await planeFacts(client, connection.tls)
  return { client, services, clusterId, plane, rootDir, machine, clock, log, metrics }
}
