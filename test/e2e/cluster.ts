// SPDX-License-Identifier: Apache-2.0
//
// A real Kubernetes control plane for one test file: etcd, kube-apiserver, kube-controller-manager
// and kube-scheduler as processes of their own, up in about five seconds, gone when disposed of.
// Runs inside the network namespace that run.ts makes, beside the nodes under test.
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { join } from 'node:path'
import { createApiClient } from './api-client.ts'
import type { ApiCallOptions, ApiClient } from './api-client.ts'
import type { ClusterFiles } from './cluster-files.ts'
import type { Component } from './component.ts'
import { startControlPlane } from './control-plane.ts'
import type { ControlPlaneOptions } from './control-plane.ts'
import { startEmbeddedControlPlane } from './embedded-control-plane.ts'
import { endProcessesNaming } from './host-processes.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import type { Credentials } from './kubeconfig.ts'
import { runKubectl, spawnKubectl } from './kubectl.ts'
import type { Kubectl, KubectlOptions, KubectlResult } from './kubectl.ts'
import { collectionPath, objectPath } from './object-path.ts'
import type { Manifest } from './object-path.ts'
import { takeAddress } from './take-address.ts'
import { planeKind } from './test-control-plane.ts'
import type { TestControlPlane } from './test-control-plane.ts'
import { startVirtualKubelet } from './virtual-kubelet.ts'
import type { VirtualKubelet, VirtualKubeletOptions } from './virtual-kubelet.ts'

/** Starts a control plane and waits until pods can be created and will be scheduled. */
export async function startCluster(options: ControlPlaneOptions = {}): Promise<Cluster> {
  const start = planeKind === 'embedded' ? startEmbeddedControlPlane : startControlPlane
  return new Cluster(await start(options))
}

/** A running control plane, and what tests do with it. */
export class Cluster implements AsyncDisposable {
  /** URL of the API server. */
  readonly server: string
  /** Certificate authority of the API server, its kubelet client and all users: a PEM file. */
  readonly caFile: string
  /** HOST:PORT of the API server at an address that is not loopback. */
  readonly podApiServer: string
  /** Kubeconfig of `system:masters`. */
  readonly kubeconfig: string
  /** Everything that this cluster keeps in files, with its logs. */
  readonly files: ClusterFiles
  readonly #controlPlane: TestControlPlane
  readonly #addresses: ReturnType<typeof takeAddress>[] = []
  readonly #nodes: Component[] = []
  readonly #commands: ChildProcessWithoutNullStreams[] = []

  constructor(controlPlane: TestControlPlane) {
    this.#controlPlane = controlPlane
    this.files = controlPlane.files
    this.server = this.files.endpoint.server
    this.caFile = this.files.ca.certificate
    this.podApiServer = controlPlane.advertised
    this.kubeconfig = this.files.adminKubeconfig
  }

  /** Process ids of the control plane by program, for measurements. */
  get pids(): Readonly<Record<string, number>> {
    return this.#controlPlane.pids()
  }

  /** Runs kubectl to its end and returns its output; throws if it fails, unless `allowFailure`. */
  async kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
    return await runKubectl(this.#kubectl(options.kubeconfig), args, options)
  }

  /** The kubectl of this cluster, for whoever starts it in a way of their own. */
  kubectlProgram(): Kubectl {
    return this.#kubectl()
  }

  /** Starts a kubectl that goes on; it is killed with the cluster at the latest. */
  spawnKubectl(args: readonly string[], kubeconfig?: string): ChildProcessWithoutNullStreams {
    const child = spawnKubectl(this.#kubectl(kubeconfig), args)
    this.#commands.push(child)
    return child
  }

  /** One request as admin, the result parsed; throws `ApiStatusError` for a status of 400 or more. */
  async api<T>(method: string, path: string, options?: ApiCallOptions): Promise<T> {
    return await this.#api.call<T>(method, path, options)
  }

  /** The lines of an answer as they come; the caller ends it. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string> {
    return this.#api.lines(path, signal)
  }

  /** Creates objects, one after the other, and returns the last of them. */
  async create<T>(...objects: readonly Manifest[]): Promise<T> {
    let result: unknown
    for (const body of objects) result = await this.api('POST', collectionPath(body), { body })
    return result as T
  }

  /** Applies objects on the server's side, whoever owns their fields. */
  async apply(...objects: readonly Manifest[]): Promise<void> {
    for (const body of objects) {
      await this.api('PATCH', `${objectPath(body)}?fieldManager=e2e&force=true`, {
        contentType: 'application/apply-patch+yaml',
        body,
      })
    }
  }

  /** Changes the fields that `body` names (JSON merge patch). */
  async patch<T>(path: string, body: object): Promise<T> {
    const contentType = 'application/merge-patch+json'
    return await this.api<T>('PATCH', path, { contentType, body })
  }

  /** Deletes what is at the path, an object or a collection, without waiting for its end. */
  async delete(path: string, options: DeleteOptions = {}): Promise<void> {
    await this.api('DELETE', path, {
      body: { apiVersion: 'v1', kind: 'DeleteOptions', ...options },
    })
  }

  /** A token of a service account, valid for an hour. */
  async tokenOf(namespace: string, name: string): Promise<string> {
    const { status } = await this.api<{ readonly status: { readonly token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} } },
    )
    return status.token
  }

  /** A client of someone else's, with a certificate; the caller disposes of it. */
  async clientFor(user: string, groups: readonly string[] = []): Promise<ApiClient> {
    return this.clientWith(await this.files.clientCertificate(user, groups))
  }

  /** A client with these credentials; the caller disposes of it. */
  clientWith(credentials: Credentials): ApiClient {
    return createApiClient(this.files.endpoint, credentials)
  }

  /** Issues a client certificate and returns the path of a kubeconfig with it. */
  async kubeconfigFor(user: string, groups?: readonly string[]): Promise<string> {
    return await this.files.kubeconfigFor(user, groups)
  }

  /** Returns the path of a kubeconfig with a token of an existing service account. */
  async serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
    const token = await this.tokenOf(namespace, name)
    const path = join(this.files.folder, 'kubeconfigs', `${namespace}-${name}.kubeconfig`)
    writeKubeconfig(path, this.files.endpoint, { token })
    return path
  }

  /** Adds a private address that the API server will proxy to. */
  addAddress(): string {
    const address = takeAddress()
    this.#addresses.push(address)
    return address.ip
  }

  /** Ends the API server as a crash would. Watches break off, requests fail. */
  async killApiServer(): Promise<void> {
    await this.#controlPlane.killApiServer()
  }

  /** Starts the API server again at the same address, and waits until it is ready. */
  async startApiServer(): Promise<void> {
    await this.#controlPlane.startApiServer()
  }

  /** Makes every older resourceVersion answer 410: kills the API server, compacts, starts it. */
  async expireWatches(whileDown: () => Promise<void> = async () => {}): Promise<void> {
    await this.killApiServer()
    await whileDown()
    // etcd's history alone is not enough: the API server's watch cache still has it.
    await this.#controlPlane.compact()
    await this.startApiServer()
  }

  /** Starts the program under test with these flags, as the node that `options` names. */
  async startVirtualKubelet(
    args: readonly string[] = [],
    options: VirtualKubeletOptions = {},
  ): Promise<VirtualKubelet> {
    const nodeName = options.nodeName ?? 'vk-e2e'
    const nodeIp = options.nodeIp ?? this.addAddress()
    const node = await startVirtualKubelet(args, options, {
      nodeName,
      nodeIp,
      rootDir: options.rootDir ?? join(this.files.folder, 'nodes', nodeName),
      kubeconfig:
        options.kubeconfig ??
        (await this.kubeconfigFor(`system:node:${nodeName}`, ['system:nodes'])),
      caFile: this.caFile,
      serving: await this.files.servingCertificate(nodeName, [
        nodeIp,
        ...this.#addresses.map(({ ip }) => ip),
      ]),
      podApiServer: this.podApiServer,
      logFile: this.files.logFile(nodeName),
      isReady: () => this.#isNodeReady(nodeName),
    })
    this.#nodes.push(node)
    return node
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#commands) child.kill('SIGKILL')
    await Promise.all(this.#nodes.map((node) => node[Symbol.asyncDispose]()))
    await this.#controlPlane[Symbol.asyncDispose]()
    for (const address of this.#addresses) address[Symbol.dispose]()
    endProcessesNaming(this.files.folder)
  }

  get #api(): ApiClient {
    return this.#controlPlane.api
  }

  #kubectl(kubeconfig: string = this.kubeconfig): Kubectl {
    const env = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(this.files.folder, 'kubectl-cache') }
    return { command: this.#controlPlane.kubectl(), env: { ...process.env, ...env } }
  }

  async #isNodeReady(name: string): Promise<boolean> {
    const node = await this.api<NodeStatus>('GET', `/api/v1/nodes/${name}`)
    return node.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
  }
}

/** What a DELETE may say. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
}

interface NodeStatus {
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}
