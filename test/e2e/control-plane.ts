// SPDX-License-Identifier: Apache-2.0
//
// Starts and stops the processes of a control plane in the order in which they need one another.
// All are killed rather than asked: kube-apiserver takes a minute to end on SIGTERM, and nothing in
// etcd is worth keeping.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createApiClient } from './api-client.ts'
import type { ApiClient } from './api-client.ts'
import { createClusterFiles } from './cluster-files.ts'
import type { ClusterFiles } from './cluster-files.ts'
import { startComponent } from './component.ts'
import type { Component } from './component.ts'
import {
  apiServerArgs,
  controllerManagerArgs,
  etcdArgs,
  nodeGraceArgs,
  schedulerArgs,
} from './control-plane-args.ts'
import type { ClusterPorts } from './control-plane-args.ts'
import { buildControlPlane } from './control-plane/build.ts'
import { compactEtcd, isEtcdHealthy } from './etcd.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { addAddress, removeAddress } from './network-namespace.ts'
import { runFolder } from './requirements.ts'
import type { TestControlPlane } from './test-control-plane.ts'

/** Which parts of a control plane to start, and what to tell them in addition. */
export interface ControlPlaneOptions {
  /** Default true. Without it no service accounts exist, and the admission plugin for them is off. */
  readonly controllerManager?: boolean
  /** Default true. */
  readonly scheduler?: boolean
  /** Seconds after which a silent node counts as lost; default 50. */
  readonly nodeGraceSeconds?: number
  /** Only of the embedded one; default false, a process of its own. */
  readonly inProcess?: boolean
  readonly apiServerArgs?: readonly string[]
  readonly etcdArgs?: readonly string[]
  readonly controllerManagerArgs?: readonly string[]
  readonly schedulerArgs?: readonly string[]
}

/** Starts etcd, the API server and the rest; returns when pods can be created. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const programs = buildControlPlane()
  const advertiseAddress = addAddress()
  const ports: ClusterPorts = {
    etcdClient: await freePort(),
    etcdPeer: await freePort(),
    apiServer: await freePort(),
    advertiseAddress,
  }
  const files = await createClusterFiles(runFolder(), {
    port: ports.apiServer,
    addresses: [advertiseAddress],
  })
  const controlPlane = new ControlPlane({ programs, files, ports, options })
  try {
    await controlPlane.start()
  } catch (error) {
    await controlPlane[Symbol.asyncDispose]()
    throw error
  }
  return controlPlane
}

interface Plan {
  readonly programs: string
  readonly files: ClusterFiles
  readonly ports: ClusterPorts
  readonly options: ControlPlaneOptions
}

/** The processes of one control plane. */
export class ControlPlane implements TestControlPlane {
  readonly files: ClusterFiles
  /** A client for the admin. */
  readonly api: ApiClient
  readonly #plan: Plan
  readonly #running = new Map<string, Component>()

  constructor(plan: Plan) {
    this.#plan = plan
    this.files = plan.files
    this.api = createApiClient(plan.files.endpoint, plan.files.admin)
  }

  kubectl(): string {
    return this.#program('kubectl')
  }

  #program(name: string): string {
    return join(this.#plan.programs, name)
  }

  /** HOST:PORT of the API server as the Service `kubernetes` shows it. */
  get advertised(): string {
    const { advertiseAddress, apiServer } = this.#plan.ports
    return `${advertiseAddress}:${apiServer}`
  }

  pids(): Record<string, number> {
    return Object.fromEntries([...this.#running].map(([name, { pid }]) => [name, pid]))
  }

  async start(): Promise<void> {
    const { files, ports, options } = this.#plan
    await this.#start('etcd', [...etcdArgs(files, ports), ...(options.etcdArgs ?? [])])
    await this.#until('etcd', () => isEtcdHealthy(this.#etcdUrl))
    await this.startApiServer()
    await this.#letApiServerUseKubelets()
    if (options.controllerManager ?? true) {
      await this.#start('kube-controller-manager', [
        ...controllerManagerArgs(files),
        ...nodeGraceArgs(options.nodeGraceSeconds),
        ...(options.controllerManagerArgs ?? []),
      ])
    }
    if (options.scheduler ?? true) {
      await this.#start('kube-scheduler', [
        ...schedulerArgs(files),
        ...(options.schedulerArgs ?? []),
      ])
    }
    if (options.controllerManager ?? true) {
      await this.#until('kube-controller-manager', async () => {
        await this.api.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')
        return await this.api.call('GET', '/api/v1/namespaces/default/configmaps/kube-root-ca.crt')
      })
    }
  }

  async startApiServer(): Promise<void> {
    const { files, ports, options } = this.#plan
    const args = apiServerArgs(files, ports)
    if (options.controllerManager === false) args.push('--disable-admission-plugins=ServiceAccount')
    await this.#start('kube-apiserver', [...args, ...(options.apiServerArgs ?? [])])
    await this.#until('kube-apiserver', () => this.api.call('GET', '/readyz'))
  }

  async killApiServer(): Promise<void> {
    await this.#stop('kube-apiserver')
  }

  async compact(): Promise<void> {
    await compactEtcd(this.#etcdUrl)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.#stop(name)))
    await this.api[Symbol.asyncDispose]()
    removeAddress(this.#plan.ports.advertiseAddress)
    rmSync(this.files.etcdData, { recursive: true, force: true })
  }

  get #etcdUrl(): string {
    return `http://127.0.0.1:${this.#plan.ports.etcdClient}`
  }

  async #start(name: string, args: readonly string[]): Promise<void> {
    const running = this.#running.get(name)
    if (running !== undefined && !running.hasExited()) {
      throw new Error(`Cannot start '${name}': it is running (pid ${running.pid})`)
    }
    const component = await startComponent({
      name,
      command: this.#program(name),
      args,
      logFile: this.files.logFile(name),
    })
    this.#running.set(name, component)
  }

  async #stop(name: string): Promise<void> {
    await this.#running.get(name)?.[Symbol.asyncDispose]()
    this.#running.delete(name)
  }

  /** Waits for a sign of life of a program; its own death ends the waiting early. */
  async #until(name: string, isReady: () => Promise<unknown>): Promise<void> {
    const component = this.#running.get(name)
    await eventually(async () => component?.hasExited() || (await isReady()), {
      what: `${name} to be ready`,
      timeoutMs: 120_000,
    })
    if (component?.hasExited()) {
      const tail = component.log().split('\n').slice(-10).join('\n')
      throw new Error(`Cannot start '${name}': see ${component.logFile}\n${tail}`)
    }
  }

  /** What kubeadm does too: the API server's identity gets the kubelet API, and nothing else. */
  async #letApiServerUseKubelets(): Promise<void> {
    await this.api.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      body: {
        metadata: { name: 'kube-apiserver-kubelet-client' },
        roleRef: {
          apiGroup: 'rbac.authorization.k8s.io',
          kind: 'ClusterRole',
          name: 'system:kubelet-api-admin',
        },
        subjects: [
          {
            apiGroup: 'rbac.authorization.k8s.io',
            kind: 'User',
            name: 'kube-apiserver-kubelet-client',
          },
        ],
      },
    })
  }
}
