// SPDX-License-Identifier: Apache-2.0
// One node, put together: its provider, its kubelet API, its Node object and its pod loop. The order
// matters: the port is known before the Node names it, and pods are watched once the Node is there.
import { mkdir } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { ApiEventRecorder } from '../kube/api-event-recorder.ts'
import type { ServingIdentity } from '../kubelet/identity/serving-identity.ts'
import type { KubeletSecurity } from '../kubelet/security.ts'
import type { KubeletServer } from '../kubelet/server.ts'
import { declaredFeatures } from '../kubelet/streaming/declared-features.ts'
import { NodeController } from '../node/node-controller.ts'
import type { NodeOptions } from '../node/node-options.ts'
import { chooseTaints } from '../node/node-taints.ts'
import { PodController } from '../pods/pod-controller.ts'
import type { PodControllerOptions } from '../pods/pod-controller-options.ts'
import { podReference } from '../pods/pod-reference.ts'
import { planSeconds, shutdownPlan, type ShutdownPlan } from '../pods/shutdown-plan.ts'
import { declaredPodFeatures } from '../provider/declared-pod-features.ts'
import type { NodeDns, PodProvider, ProviderHost } from '../provider/provider.ts'
import { checkSeccomp } from './check-seccomp.ts'
import { podApiServerOf } from './cluster.ts'
import { forgetPods } from './forget-pods.ts'
import { readInstanceId } from './instance-id.ts'
import { joinSettings, whenSigned } from './join-embedded.ts'
import type { NodeProcess } from './node-process.ts'
import { openKubelet } from './open-kubelet.ts'
import type { LaterParts } from './open-kubelet.ts'
import { loadProviderModule } from './provider-modules.ts'
import type { Settings } from './settings.ts'
import { kubeletVersion } from './version.ts'

type NodeSettings = Settings['nodes'][number]

/** What a drain may take beyond the graces that it gives, for an API server or a backend that is slow. */
const drainSlackMs = 15_000

/** A node that runs from `start` until it is disposed; its pods go on without it. */
export class VirtualNode implements AsyncDisposable {
  readonly name: string
  readonly security: KubeletSecurity
  readonly #settings: NodeSettings
  readonly #process: NodeProcess
  readonly #server: KubeletServer
  readonly #serving: ServingIdentity | undefined
  readonly #node: NodeController
  readonly #pods: PodController
  readonly #provider: PodProvider
  readonly #resources: AsyncDisposableStack
  #hasStarted = false

  /** Makes every part and opens the port, but tells the cluster nothing yet. */
  static async open(settings: NodeSettings, shared: NodeProcess): Promise<VirtualNode> {
    await using resources = new AsyncDisposableStack()
    const parts = await makeParts(settings, { shared, resources })
    return new VirtualNode(parts, resources.move())
  }

  private constructor(parts: NodeParts, resources: AsyncDisposableStack) {
    this.name = parts.settings.name
    this.#settings = parts.settings
    this.#process = parts.shared
    this.security = parts.security
    this.#server = parts.server
    this.#serving = parts.serving
    this.#node = parts.node
    this.#pods = parts.pods
    this.#provider = parts.provider
    this.#resources = resources
  }

  /** Registers the Node and begins to run its pods; resolves when both have happened. */
  async start(): Promise<void> {
    await this.#node.start()
    await this.#pods.start()
    this.#hasStarted = true
    const { address, provider, clientCAFile } = this.#settings
    const { log } = this.#process
    const node = this.name
    log.info({ node, provider, kubelet: `${address}:${this.#server.port}` }, 'Node runs pods')
    if (clientCAFile === undefined) {
      const hint = "--client-ca-file takes the cluster's CA, often /etc/kubernetes/pki/ca.crt"
      log.warn(
        { node, hint },
        'kubectl logs, exec and port-forward are refused: no client CA is known',
      )
    }
  }

  /** Resolves once the API server has the Node as Ready, and can call it where it verifies nodes. */
  async whenReady(signal: AbortSignal): Promise<void> {
    await this.#node.whenReady(signal)
    const { plane, clock, log } = this.#process
    if (plane.isEmbedded && this.#serving) await whenSigned(this.#serving, { clock, log, signal })
  }

  /** What keeps the node from its work, or undefined when nothing does. */
  get obstacle(): string | undefined {
    if (!this.#hasStarted) return 'the node is not registered yet'
    const ready = this.#node.node?.status?.conditions?.find(({ type }) => type === 'Ready')
    return ready?.status === 'True' ? undefined : (ready?.message ?? 'the Node does not exist')
  }

  /** Are the node's pods to end with it, because its settings say so? */
  get endsPods(): boolean {
    return this.#plan !== undefined
  }

  /** Tells the cluster that the node goes; with `drain`, ends its pods with their grace, but never waits for ever. */
  async leave(how: { readonly drain: boolean; readonly deleteNode: boolean }): Promise<void> {
    const { drain, deleteNode } = how
    const message = drain ? 'node is shutting down' : 'virtual-kubelet has stopped; pods run on'
    await this.#node.shutdown({ message, deleteNode: deleteNode && !drain, isDraining: drain })
    if (!drain || !this.#hasStarted) return
    const plan = this.#plan
    const limitMs = (plan ? planSeconds(plan) * 1000 : this.#longestGraceMs()) + drainSlackMs
    const limit = new AbortController()
    using _timer = this.#process.clock.setTimer(limitMs, () => {
      this.#process.log.warn({ node: this.name, limitMs }, 'Drain is not over; the pods run on')
      limit.abort()
    })
    await this.#pods.drain(limit.signal, plan)
    await this.#node.shutdown({ message, deleteNode })
  }

  /** Drops what the backend keeps of pods that have ended, for a cluster that nobody will ask again. */
  async forgetPods(): Promise<void> {
    await forgetPods(this.#provider, this.#process)
  }

  get #plan(): ShutdownPlan | undefined {
    return shutdownPlan({
      totalSeconds: this.#settings.shutdownGracePeriodSeconds,
      criticalSeconds: this.#settings.shutdownGracePeriodCriticalPodsSeconds,
      byPriority: this.#settings.shutdownGracePeriodByPodPriority.map(
        ({ priority, shutdownGracePeriodSeconds: seconds }) => ({ priority, seconds }),
      ),
    })
  }

  #longestGraceMs(): number {
    const seconds = [...this.#pods.pods()].map(
      ({ spec }) => spec.terminationGracePeriodSeconds ?? 30,
    )
    return Math.max(0, ...seconds) * 1000
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]()
  }
}

interface NodeParts {
  readonly settings: NodeSettings
  readonly shared: NodeProcess
  readonly security: KubeletSecurity
  readonly server: KubeletServer
  readonly serving: ServingIdentity | undefined
  readonly node: NodeController
  readonly pods: PodController
  readonly provider: PodProvider
}

/** The parts end in the reverse of the order in which they are made here. */
async function makeParts(
  given: NodeSettings,
  context: { readonly shared: NodeProcess; readonly resources: AsyncDisposableStack },
): Promise<NodeParts> {
  const { shared, resources } = context
  const { client, clock, metrics } = shared
  const deps = { client, clock, metrics, log: shared.log.child({ node: given.name }) }
  const later: LaterParts = {}
  const recorder = resources.use(
    new ApiEventRecorder(client, { component: 'kubelet', host: given.name, ...deps }),
  )
  const host = await makeHost(given, {
    shared,
    nodeIPs: given.nodeIPs ?? [firstAddress()],
    ...recordingBy(recorder, { later, nodeName: given.name }),
  })
  const joining = { plane: shared.plane, client, dir: host.rootDir, log: deps.log }
  const settings = await joinSettings(given, joining)
  const module = await loadProviderModule(settings.provider)
  const provider = resources.use(await module.create(settings.providerConfig ?? {}, host))
  checkSeccomp(settings, provider)
  const kubelet = { ...deps, shared, resources, host, provider, later }
  const { security, server, serving } = await openKubelet(settings, kubelet)
  const kubeletPort = server.port
  const instanceId = await readInstanceId(host.rootDir)
  const options = nodeOptions(settings, { shared, host, provider, kubeletPort })
  const node = new NodeController({ ...deps, provider, recorder }, { ...options, instanceId })
  later.node = resources.use(node)
  if (serving) resources.use(node.onChange(() => serving.addressesChanged()))
  const facts = { nodeFacts: () => node.facts(), nodeIPs: () => host.nodeIPs }
  const pods = new PodController(
    { ...deps, provider, recorder, services: shared.services, ...facts },
    podOptions(settings, client.server),
  )
  later.pods = resources.use(pods)
  return { settings, shared, security, server, serving, node, pods, provider }
}

/** Events of pods that are known hang on them; others on what the provider says of them. */
function recordingBy(
  recorder: ApiEventRecorder,
  { later, nodeName: name }: { readonly later: LaterParts; readonly nodeName: string },
): Pick<ProviderHost, 'recordEvent' | 'recordNodeEvent'> {
  return {
    recordEvent: (ref, event, container) => {
      const pod = later.pods?.findPod(ref.namespace, ref.name)
      const isKnown = pod?.metadata.uid === ref.uid
      recorder.record(isKnown ? podReference(pod, container) : { ...podKind, ...ref }, event)
    },
    recordNodeEvent: (event) => {
      // A provider speaks of the node while it is made itself, which is before.
      if (later.node) later.node.recordEvent(event)
      else recorder.record({ ...nodeKind, name, uid: name }, event)
    },
  }
}

const podKind = { apiVersion: 'v1', kind: 'Pod' }
const nodeKind = { apiVersion: 'v1', kind: 'Node' }

async function makeHost(
  settings: NodeSettings,
  parts: Pick<ProviderHost, 'nodeIPs' | 'recordEvent' | 'recordNodeEvent'> & {
    readonly shared: NodeProcess
  },
): Promise<ProviderHost> {
  const { shared, ...given } = parts
  const rootDir = join(shared.rootDir, 'nodes', settings.name)
  await mkdir(rootDir, { recursive: true, mode: 0o700 })
  return {
    nodeName: settings.name,
    clusterId: shared.clusterId,
    os: settings.os,
    dns: dnsOf(settings),
    seccompDefault: settings.seccompDefault,
    eviction: {
      hard: settings.evictionHard,
      soft: {
        thresholds: settings.evictionSoft,
        periodSeconds: settings.evictionSoftGracePeriodSeconds,
        maxGraceSeconds: settings.evictionMaxPodGracePeriodSeconds,
      },
      pressureTransitionMs: settings.evictionPressureTransitionPeriodSeconds * 1000,
    },
    rootDir,
    protectedDir: shared.rootDir,
    clock: shared.clock,
    log: shared.log.child({ node: settings.name, provider: settings.provider }),
    ...given,
  }
}

function dnsOf({ clusterDomain, clusterDNS, resolvConf }: NodeSettings): NodeDns {
  return { clusterDomain, clusterDNS, ...(resolvConf !== undefined && { resolvConf }) }
}

function nodeOptions(
  settings: NodeSettings,
  parts: {
    readonly shared: NodeProcess
    readonly host: ProviderHost
    readonly provider: PodProvider
    readonly kubeletPort: number
  },
): NodeOptions {
  const { name, os, provider: providerName, labels, maxPods } = settings
  return {
    name,
    os,
    providerName,
    labels,
    kubeletVersion,
    nodeIPs: parts.host.nodeIPs,
    kubeletPort: parts.kubeletPort,
    declaredFeatures: [...declaredFeatures, ...declaredPodFeatures(parts.provider.features)],
    machine: parts.shared.machine,
    taints: chooseTaints({
      providerName,
      isDisabled: settings.disableTaint,
      key: settings.taintKey,
      value: settings.taintValue,
      effect: settings.taintEffect,
      more: settings.registerWithTaints,
    }),
    ...(maxPods !== undefined && { maxPods }),
    reserved: {
      amounts: [settings.systemReserved, settings.kubeReserved],
      thresholds: settings.evictionHard,
    },
  }
}

function podOptions(settings: NodeSettings, server: string): PodControllerOptions {
  return {
    nodeName: settings.name,
    providerName: settings.provider,
    featureCheck: settings.featureCheck,
    workers: settings.podSyncWorkers,
    reconcileIntervalMs: settings.reconcileIntervalSeconds * 1000,
    podApiServer: podApiServerOf(settings.podApiServer, server),
  }
}

/** This machine's first address that others may reach; loopback when it has none. */
function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const usable = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  return (usable.find(({ family }) => family === 'IPv4') ?? usable[0])?.address ?? '127.0.0.1'
}
