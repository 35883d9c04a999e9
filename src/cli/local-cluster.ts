// SPDX-License-Identifier: Apache-2.0
// A whole cluster in this process: the embedded control plane and nodes that join it as any node would,
// over HTTPS and with an identity of their own. It ends in the reverse order: first the pods.
import { join } from 'node:path'
import { startControlPlane } from '../control-plane/control-plane.ts'
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import { createKubeClient } from '../kube/http-kube-client.ts'
import { nodes as nodeResource, pods as podResource } from '../kube/resources.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { LocalIdentities } from './local-identities.ts'
import { LocalNodes } from './local-nodes.ts'
import { makeOwnFolder } from './own-folder.ts'
import { userAgent } from './version.ts'

export interface LocalClusterOptions {
  /** Folder for kubeconfigs and the nodes' state; its owner alone should be able to read it. */
  readonly dir: string
  /** Where objects are stored; left out, they are kept in memory. */
  readonly storageDir?: string
  /** Port of the API server; 0 picks a free one. */
  readonly port?: number
  readonly provider: string
  readonly nodeNames: readonly string[]
  /** Further settings of each node, by the names of the configuration file. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

const loopback = '127.0.0.1'
/** On nodes that live and die with the cluster's process; others may join it. */
const localNodeLabel = 'virtual-kubelet.io/local'

/** A cluster that runs until it is disposed of, which ends its pods with their grace. */
export class LocalCluster implements AsyncDisposable {
  readonly server: string
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string
  readonly nodeNames: readonly string[]
  /** The administrator's. */
  readonly connection: ClusterConnection
  readonly #resources: AsyncDisposableStack

  /** Resolves once every node is Ready. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const { dir, storageDir, port, log, clock, signal } = options
    await using resources = new AsyncDisposableStack()
    await makeOwnFolder(dir)
    const plane = resources.use(
      await startControlPlane({
        address: loopback,
        log,
        clock,
        ...(storageDir !== undefined && { dataDir: storageDir }),
        ...(port !== undefined && { port }),
      }),
    )
    signal.throwIfAborted()
    const identities = resources.use(await LocalIdentities.open({ plane, dir, clock, log }))
    const connection = await identities.admin()
    await removeOtherNodes(connection, options)
    const { server } = plane
    const nodes = resources.use(await startNodes(identities, { ...options, server }))
    signal.throwIfAborted()
    const kubeconfig = join(dir, 'kubeconfig')
    const facts = { server, kubeconfig, nodeNames: nodes.names, connection }
    return new LocalCluster(facts, resources.move())
  }

  private constructor(
    facts: Pick<LocalCluster, 'server' | 'kubeconfig' | 'nodeNames' | 'connection'>,
    resources: AsyncDisposableStack,
  ) {
    this.server = facts.server
    this.kubeconfig = facts.kubeconfig
    this.nodeNames = facts.nodeNames
    this.connection = facts.connection
    this.#resources = resources
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]()
  }
}

/**
 * Nodes that an earlier process had, and this one has not, would stay NotReady for ever. One that did not
 * end in order keeps its Node: its pods still run, and come up again with it.
 */
async function removeOtherNodes(
  connection: ClusterConnection,
  { storageDir, nodeNames, log }: LocalClusterOptions,
): Promise<void> {
  if (storageDir === undefined) return
  await using client = createKubeClient(connection, { userAgent, log })
  const { items } = await client.list(nodeResource)
  for (const { metadata } of items) {
    const { name, labels } = metadata
    if (labels?.[localNodeLabel] !== 'true' || nodeNames.includes(name)) continue
    const fieldSelector = `spec.nodeName=${name},status.phase=Running`
    const { items: running } = await client.list(podResource, { fieldSelector, limit: 1 })
    if (running.length === 0) await client.delete(nodeResource, { name })
    else log.warn({ node: name }, 'Its pods run on without it; more --nodes bring it back')
  }
}

async function startNodes(
  identities: LocalIdentities,
  options: LocalClusterOptions & { readonly server: string },
): Promise<LocalNodes> {
  const { dir, provider, nodeNames, server, settings, clock, log, signal } = options
  return await LocalNodes.start({
    names: nodeNames,
    connectionFor: async (name) => await identities.node(name),
    provider,
    rootDir: join(dir, 'nodes'),
    deletesNodes: false,
    forgetsPods: options.storageDir === undefined,
    settingsFor: async (name) => ({
      address: loopback,
      nodeIPs: [loopback],
      clientCAFile: identities.clientCAFile,
      labels: { [localNodeLabel]: 'true' },
      ...(await identities.serving(name, [loopback])),
      // Pods on the host's own network reach the API server where we do.
      ...(provider === 'process' && { podApiServer: new URL(server).host }),
      ...settings,
    }),
    clock,
    log,
    signal,
  })
}
