// SPDX-License-Identifier: Apache-2.0
// The kubelet's API of one node, put together from its settings: its certificate, whom it trusts, and its
// server. It is open before there is a Node, whose status names its port.
import type { NodeAddress } from '../kube/types.gen.ts'
import type { KubeletNode } from '../kubelet/kubelet-node.ts'
import { ServingIdentity } from '../kubelet/identity/serving-identity.ts'
import { KubeletSecurity } from '../kubelet/security.ts'
import { KubeletServer } from '../kubelet/server.ts'
import type { NodeController } from '../node/node-controller.ts'
import type { PodController } from '../pods/pod-controller.ts'
import type { PodProvider, ProviderHost } from '../provider/provider.ts'
import { aboutKubelet } from './kubelet-about.ts'
import type { NodeProcess } from './node-process.ts'
import type { Settings } from './settings.ts'

type NodeSettings = Settings['nodes'][number]

/** The provider and the kubelet API speak of these, which are made after them. */
export interface LaterParts {
  node?: NodeController
  pods?: PodController
}

/** What `openKubelet` has opened. */
export interface OpenKubelet {
  readonly security: KubeletSecurity
  readonly server: KubeletServer
  /** Undefined unless the cluster signs the certificate. */
  readonly serving: ServingIdentity | undefined
}

type Deps = Pick<NodeProcess, 'client' | 'clock' | 'log' | 'metrics'> & {
  readonly host: ProviderHost
}

/** Opens the port; what was opened ends with `resources`. */
export async function openKubelet(
  settings: NodeSettings,
  parts: Deps & {
    readonly shared: NodeProcess
    readonly resources: AsyncDisposableStack
    readonly provider: PodProvider
    readonly later: LaterParts
  },
): Promise<OpenKubelet> {
  const { shared, resources, provider, later, ...deps } = parts
  const status = () => later.node?.node?.status
  // The certificate is for the Node's addresses.
  const addresses = (): readonly NodeAddress[] => status()?.addresses ?? []
  const serving = await openServing(settings, { ...deps, addresses })
  const security = resources.use(await openSecurity(settings, { ...deps, serving }))
  const server = await openServer(settings, {
    ...deps,
    provider,
    security,
    process: shared.settings,
    pods: () => later.pods,
    capacity: () => status()?.capacity ?? {},
  })
  return { security, server: resources.use(server), serving }
}

/** Undefined unless the cluster shall sign the certificate. */
async function openServing(
  { name: nodeName, serverTLSBootstrap }: NodeSettings,
  { host, ...deps }: Deps & { readonly addresses: () => readonly NodeAddress[] },
): Promise<ServingIdentity | undefined> {
  if (!serverTLSBootstrap) return undefined
  const { rootDir, nodeIPs: ipAddresses } = host
  return await ServingIdentity.open({ nodeName, rootDir, ipAddresses, ...deps })
}

async function openSecurity(
  settings: NodeSettings,
  deps: Deps & { readonly serving: ServingIdentity | undefined },
): Promise<KubeletSecurity> {
  const { tlsCertFile, tlsPrivateKeyFile, clientCAFile } = settings
  const { rootDir, nodeIPs } = deps.host
  const own = deps.serving
    ? { source: deps.serving }
    : { selfSigned: { rootDir, ipAddresses: nodeIPs } }
  return await KubeletSecurity.open(deps, {
    nodeName: settings.name,
    certificate:
      tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined
        ? { certFile: tlsCertFile, keyFile: tlsPrivateKeyFile }
        : own,
    authentication: {
      anonymousAuth: settings.anonymousAuth,
      authenticationTokenWebhook: settings.authenticationTokenWebhook,
      ...(clientCAFile !== undefined && { clientCaFile: clientCAFile }),
    },
    authorizationMode: settings.authorizationMode,
  })
}

async function openServer(
  settings: NodeSettings,
  deps: Deps & {
    readonly provider: PodProvider
    readonly security: KubeletSecurity
    readonly process: NodeProcess['settings']
    readonly pods: () => PodController | undefined
    readonly capacity: () => Readonly<Record<string, string>>
  },
): Promise<KubeletServer> {
  const node: KubeletNode = {
    nodeName: settings.name,
    provider: deps.provider,
    pods: () => deps.pods()?.pods() ?? [],
    findPod: (namespace, name) => deps.pods()?.findPod(namespace, name),
    capacity: deps.capacity,
  }
  const { enableSystemLogHandler, enableSystemLogQuery: hasQuery, systemLogDir } = settings
  return await KubeletServer.start(
    { ...deps, node, apiServer: deps.client.server },
    {
      address: settings.address,
      port: settings.kubeletPort,
      rootDir: deps.host.rootDir,
      enableDebuggingHandlers: settings.enableDebuggingHandlers,
      about: aboutKubelet({ node: settings, ...(deps.process && { process: deps.process }) }),
      ...(enableSystemLogHandler && { nodeLogs: { folder: systemLogDir, hasQuery } }),
    },
  )
}
