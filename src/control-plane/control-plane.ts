// SPDX-License-Identifier: Apache-2.0
// The embedded control plane, put together: storage, authority, API server and controllers of one small
// cluster in this process. For laptops, demos and tests; production belongs on real Kubernetes.
import { join } from 'node:path'
import { systemClock } from '../util/clock.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { kubeconfigText } from './admin-kubeconfig.ts'
import { kubeletClientUser } from './built-in-objects.ts'
import { openAuthority } from './certificates/authority.ts'
import type { Authority } from './certificates/authority.ts'
import { openServerCertificate } from './certificates/server-certificate.ts'
import { ServiceAccountKeys } from './certificates/service-account-keys.ts'
import { openApi } from './open-api.ts'
import type { Api } from './open-api.ts'
import { createMemoryStore } from './storage/memory-store.ts'
import { openSqliteStore } from './storage/sqlite-store.ts'
import type { Store } from './storage/store.ts'
import { startControllers } from './start-controllers.ts'

export interface ControlPlaneOptions {
  /** Objects, keys and certificates are kept there; without it they end with the process. */
  readonly dataDir?: string | undefined
  /** Default 127.0.0.1. */
  readonly address?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** More names and addresses by which clients reach the API. */
  readonly names?: readonly string[]
  /** False starts the API without any controller; for tests and measurements. */
  readonly hasControllers?: boolean
  /** False leaves pods unbound. */
  readonly hasScheduler?: boolean
  /** How long a node may be silent before it counts as lost; default 50 s, as in Kubernetes. */
  readonly nodeGraceMs?: number
  /** Where others reach the API, when it listens on every address; default: `address`. */
  readonly advertiseAddress?: string
  readonly log: Logger
  readonly clock?: Clock
}

/** A running control plane; disposing of it ends it and keeps what its data directory holds. */
export interface ControlPlane extends AsyncDisposable {
  /** Such as https://127.0.0.1:6443. */
  readonly server: string
  /** The cluster's authority, PEM: signs the API server and all clients. */
  readonly caPem: string
  /** Another authority, PEM: signs the HTTPS ports of kubelets, for those who call them directly. */
  readonly kubeletCaPem: string
  /** Kubeconfig of the administrator (system:masters), YAML. */
  readonly adminKubeconfig: string
  /** A kubeconfig with a client certificate, YAML; for example of `system:node:one`. */
  kubeconfigFor(user: string, groups: readonly string[]): Promise<string>
  /** Certificate and key (PEM) for a kubelet's HTTPS port, which the API server will trust. */
  kubeletCertificate(
    nodeName: string,
    names: readonly string[],
  ): Promise<{ readonly certificate: string; readonly key: string }>
  /** Makes watches from before now start over, as a compaction of etcd does. */
  compact(): void
}

const serviceNames = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
]
const serviceAddress = '10.96.0.1'
const clusterName = 'virtual-kubelet'

/** Starts a control plane; resolves when objects can be created and will be acted on. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { dataDir, address = '127.0.0.1', port = 0, clock = systemClock, log } = options
  await using resources = new AsyncDisposableStack()
  const folder = dataDir === undefined ? undefined : join(dataDir, 'pki')
  const store = resources.use(await openStore(dataDir, log))
  const authority = await openAuthority(folder, { clock })
  // Of its own, so that no certificate that a node obtains can pass for the API server's.
  const kubeletAuthority = await openAuthority(folder, { clock, name: 'kubelet-serving' })
  const names = [...serviceNames, serviceAddress, address, ...(options.names ?? [])]
  const api = resources.use(
    await openApi({
      store,
      clock,
      log,
      address,
      advertiseAddress: options.advertiseAddress ?? address,
      port,
      serviceAddress,
      caPem: authority.certificate,
      kubeletCaPem: kubeletAuthority.certificate,
      keys: await ServiceAccountKeys.open(folder),
      serverCertificate: () => openServerCertificate({ authority, names, folder, clock }),
      kubeletClientCertificate: () => authority.issueClient({ user: kubeletClientUser }),
    }),
  )
  if (options.hasControllers ?? true) {
    const { hasScheduler = true, nodeGraceMs } = options
    const { core, access } = api
    const own = { core, access, authority, kubeletAuthority, hasScheduler, nodeGraceMs }
    resources.use(startControllers({ ...own, clock, log }))
  }
  const owned = resources.move()
  return new RunningControlPlane(
    { api, authority, kubeletAuthority, store, admin: await admin(authority, api) },
    owned,
  )
}

async function openStore(dataDir: string | undefined, log: Logger): Promise<Store> {
  return dataDir === undefined
    ? createMemoryStore()
    : await openSqliteStore({ path: join(dataDir, 'objects.sqlite'), log })
}

async function admin(authority: Authority, api: Api): Promise<string> {
  return await kubeconfig({ authority, api }, 'admin', ['system:masters'])
}

async function kubeconfig(
  { authority, api }: { readonly authority: Authority; readonly api: Api },
  user: string,
  groups: readonly string[],
): Promise<string> {
  const { certificate, key } = await authority.issueClient({ user, groups })
  const { certificate: ca } = authority
  return kubeconfigText({ name: clusterName, server: api.server, user, ca, certificate, key })
}

interface Parts {
  readonly api: Api
  readonly authority: Authority
  readonly kubeletAuthority: Authority
  readonly store: Store
  readonly admin: string
}

class RunningControlPlane implements ControlPlane {
  readonly server: string
  readonly caPem: string
  readonly kubeletCaPem: string
  readonly adminKubeconfig: string
  readonly #parts: Parts
  readonly #resources: AsyncDisposableStack

  constructor(parts: Parts, resources: AsyncDisposableStack) {
    this.server = parts.api.server
    this.caPem = parts.authority.certificate
    this.kubeletCaPem = parts.kubeletAuthority.certificate
    this.adminKubeconfig = parts.admin
    this.#parts = parts
    this.#resources = resources
  }

  async kubeconfigFor(user: string, groups: readonly string[]): Promise<string> {
    return await kubeconfig(this.#parts, user, groups)
  }

  async kubeletCertificate(nodeName: string, names: readonly string[]) {
    const organizations = ['system:nodes']
    return await this.#parts.kubeletAuthority.issueServer(`system:node:${nodeName}`, names, {
      organizations,
    })
  }

  compact(): void {
    this.#parts.store.compact()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]()
  }
}
