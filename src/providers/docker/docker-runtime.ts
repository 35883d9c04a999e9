// SPDX-License-Identifier: Apache-2.0
// The container runtime whose containers are a Docker or Podman engine's. The engine holds the truth; what is
// kept here is what it said last. Each part has a folder of its own; this class joins them.
import { join } from 'node:path'
import type { Features } from '../../provider/features.ts'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import type {
  CallContext,
  NodeDescription,
  PodProblem,
  PodRef,
  ProviderHost,
} from '../../provider/provider.ts'
import type { NodeStats } from '../../provider/stats.ts'
import type {
  ExecOptions,
  PortConnection,
  ProcessStreams,
  StreamChoice,
} from '../../provider/streams.ts'
import type {
  ContainerKey,
  ContainerRuntime,
  ContainerStart,
  KeyedStats,
  RuntimeContainer,
  SandboxOptions,
  SandboxState,
  SandboxStats,
  VolumeSupport,
} from '../../runtime/container-runtime.ts'
import { VkError } from '../../util/vk-error.ts'
import { gatherBody } from './container/container-bodies.ts'
import { ContainerStarts } from './container/container-starts.ts'
import { ContainerStops } from './container/container-stops.ts'
import { ContainerTable } from './container/container-table.ts'
import { EngineStats } from './container/engine-stats.ts'
import { LayerSizes } from './container/layer-sizes.ts'
import { OutOfMemory } from './container/out-of-memory.ts'
import { podRefusals, remoteRefusals } from './container/pod-refusals.ts'
import { removeContainer } from './container/remove-container.ts'
import { updateResources } from './container/update-resources.ts'
import type { DockerConfig } from './docker-config.ts'
import { featuresHere } from './docker-features.ts'
import { EngineWatch } from './engine-watch.ts'
import type { Engine } from './engine/connect-engine.ts'
import { isDependedOn, isDiskFull } from './engine/engine-error.ts'
import { keepHouse } from './housekeeping.ts'
import { ImageCollector } from './images/image-collector.ts'
import { ImageStore } from './images/image-store.ts'
import { nodeCredentials } from './images/node-credentials.ts'
import { PullRecords } from './images/pull-records.ts'
import { readContainerLog } from './logs/container-log.ts'
import { describeEngine } from './node-description.ts'
import { nodeFigures } from './node-figures.ts'
import { copyMounts } from './remote/copy-mounts.ts'
import { RemoteVolumes } from './remote/remote-volumes.ts'
import { PodCgroups } from './sandbox/pod-cgroups.ts'
import { PodNetwork } from './sandbox/pod-network.ts'
import { PodSandboxes } from './sandbox/pod-sandboxes.ts'
import { ContainerStreams } from './streams/container-streams.ts'

interface RuntimeParts {
  readonly engine: Engine
  readonly config: DockerConfig
  readonly records: PullRecords
}

/** How long an engine may take for what is done when we leave. */
const leaveMs = 5000

/** Containers of an engine. `open` makes one. */
export class DockerRuntime implements ContainerRuntime {
  readonly name: string
  readonly features: Features
  readonly volumes: VolumeSupport
  readonly #host: ProviderHost
  readonly #engine: Engine
  readonly #config: DockerConfig
  readonly #table: ContainerTable
  readonly #cgroups: PodCgroups
  readonly #outOfMemory: OutOfMemory
  readonly #network: PodNetwork
  readonly #sandboxes: PodSandboxes
  readonly #elsewhere: RemoteVolumes
  readonly #collector: ImageCollector
  readonly #starts: ContainerStarts
  readonly #stops: ContainerStops
  readonly #stats: EngineStats
  readonly #streams: ContainerStreams
  readonly #watch: EngineWatch
  readonly #sinceMs: number
  readonly #lifetime = new AbortController()
  readonly #background: Promise<void>[] = []

  private constructor(host: ProviderHost, { engine, config, records }: RuntimeParts) {
    const { nodeName, clusterId, nodeIPs, clock, log } = host
    const owner = { nodeName, clusterId }
    const { client } = engine
    this.name = engine.kind
    const cgroups = new PodCgroups({ engine, config, clock })
    this.#cgroups = cgroups
    this.features = featuresHere(config, { ...engine, canLimitPods: cgroups.canLimit })
    this.#host = host
    this.#sinceMs = clock.nowMs()
    this.#engine = engine
    this.#config = config
    const outOfMemory = new OutOfMemory(engine)
    this.#outOfMemory = outOfMemory
    const table = new ContainerTable({ engine, owner, outOfMemory })
    const network = new PodNetwork({ client, owner, name: config.network })
    this.#network = network
    const sandboxes = new PodSandboxes({ engine, config, owner, nodeIPs, network, cgroups })
    const limits = {
      highPercent: config.imageGcHighPercent,
      lowPercent: config.imageGcLowPercent,
      minimumAgeMs: config.imageMinimumAgeSeconds * 1000,
    }
    this.#collector = new ImageCollector({ engine, clock, log, records, limits })
    const images = new ImageStore({
      client,
      clock,
      records,
      nodeCredentials: (registry) => nodeCredentials(config.registryConfig, registry),
      used: (id) => this.#collector.used(id),
    })
    const parts = { host, engine, config, owner, images, sandboxes, cgroups, table }
    const hasSwap = config.pauseImage === undefined
    const elsewhere = new RemoteVolumes({ engine, clock, sandboxes, hasSwap })
    this.#elsewhere = elsewhere
    const hostPathPrefixes = engine.isLocal ? config.hostPathPrefixes : []
    this.volumes = {
      delivery: 'mount',
      hostPathPrefixes,
      ...(!engine.isLocal && {
        filesWritten: (files, { signal }) => elsewhere.bring(files, signal),
      }),
    }
    this.#starts = new ContainerStarts({
      engine,
      owner,
      table,
      bodyOf: (start, context) => gatherBody(start, parts, context),
      ...(!engine.isLocal && {
        prepare: async (start, engineId, signal) => {
          await elsewhere.bringAll(start, signal)
          await copyMounts(start, { client, engineId }, signal)
        },
      }),
    })
    this.#table = table
    this.#sandboxes = sandboxes
    this.#stops = new ContainerStops({ engine, table, clock })
    const layers = new LayerSizes({ client, owner, clock, signal: this.#lifetime.signal })
    this.#stats = new EngineStats({ engine, clock, table, sandboxes, layers })
    this.#streams = new ContainerStreams({ engine, clock, table, sandboxes })
    this.#watch = new EngineWatch({ client, owner, clock, log, table, sandboxes })
  }

  /** Makes the runtime of one node, which owns the engine's connection from now on. */
  static async open(
    host: ProviderHost,
    { engine, config }: Omit<RuntimeParts, 'records'>,
  ): Promise<DockerRuntime> {
    const records = await PullRecords.open(join(host.rootDir, 'docker', 'pulled-images.json'))
    const runtime = new DockerRuntime(host, { engine, config, records })
    runtime.#begin()
    return runtime
  }

  problemsOf(pod: Pod): readonly PodProblem[] {
    const refusals = podRefusals(pod, this.#config)
    return this.#engine.isLocal ? refusals : [...refusals, ...remoteRefusals(pod)]
  }

  async ensureSandbox(
    pod: Pod,
    options: SandboxOptions,
    context: CallContext,
  ): Promise<SandboxState> {
    const state = await this.#onDisk(this.#sandboxes.ensure(pod, options, context))
    await this.#elsewhere.bringWaiting(pod.metadata.uid, context.signal)
    return state
  }

  stopSandbox(pod: PodRef, context: CallContext): Promise<void> {
    return this.#sandboxes.stop(pod, context)
  }

  async removeSandbox(pod: PodRef, context: CallContext): Promise<void> {
    await this.#starts.settled(pod.uid)
    await this.#sandboxes.remove(pod, context)
    this.#elsewhere.forget(pod.uid)
    this.#outOfMemory.forget(this.#cgroups.parentOf(pod.uid))
    for (const { run } of this.#table.all()) {
      if (run.key.pod.uid === pod.uid) this.#forget(run.key)
    }
  }

  watchSandboxes(notify: (pod: PodRef) => void): Disposable {
    return this.#watch.onSandboxEnd(notify)
  }

  startContainer(start: ContainerStart, context: CallContext): Promise<RuntimeContainer> {
    return this.#onDisk(this.#starts.start(start, context))
  }

  async stopContainer(
    key: ContainerKey,
    { graceMs, signal }: { readonly graceMs: number; readonly signal?: string },
    context: CallContext,
  ): Promise<void> {
    const own = this.#table.get(key)?.stopSignal
    await this.#stops.stop(key, { graceMs, signal: signal ?? own ?? 'SIGTERM' }, context)
  }

  async removeContainer(key: ContainerKey, context: CallContext): Promise<void> {
    const known = this.#table.get(key)
    if (!known) return
    const { client } = this.#engine
    await removeContainer(client, known.engineId, context.signal).catch((error: unknown) => {
      // One that a debugging container has joined goes with the pod.
      if (!isDependedOn(error)) throw error
    })
    this.#forget(key)
  }

  async listContainers({ signal }: CallContext): Promise<readonly RuntimeContainer[]> {
    await this.#table.list(signal)
    return this.#table.all().map(({ run }) => run)
  }

  watchContainers(notify: (container: RuntimeContainer) => void): Disposable {
    return this.#table.onChange(notify)
  }

  async *logs(
    key: ContainerKey,
    query: LogQuery,
    context: CallContext,
  ): AsyncGenerator<LogBatch, void, void> {
    const known = this.#table.get(key)
    if (!known) {
      throw new VkError('NotFound', `Cannot read output of container "${key.name}": it has none`)
    }
    const parts = { engine: this.#engine, table: this.#table, clock: this.#host.clock }
    yield* readContainerLog(known, { parts, query, context })
  }

  exec(key: ContainerKey, options: ExecOptions, context: CallContext): Promise<ProcessStreams> {
    return this.#streams.exec(key, options, context)
  }

  attach(
    key: ContainerKey,
    options: StreamChoice & { readonly spec: Container },
    context: CallContext,
  ): Promise<ProcessStreams> {
    return this.#streams.attach(key, options, context)
  }

  portForward(pod: PodRef, port: number, context: CallContext): Promise<PortConnection> {
    return this.#streams.portForward(pod, port, context)
  }

  async updateResources(
    key: ContainerKey,
    { spec }: { readonly spec: Container },
    { signal }: CallContext,
  ): Promise<void> {
    const { engineId } = this.#table.running(key)
    await updateResources(this.#engine, { engineId, spec }, signal)
  }

  async updatePodResources(pod: Pod): Promise<void> {
    this.#cgroups.limit(pod)
  }

  async containerStats(
    keys: readonly ContainerKey[],
    { signal }: CallContext,
  ): Promise<readonly KeyedStats[]> {
    return await this.#stats.read(keys, signal)
  }

  sandboxStats(pods: readonly PodRef[]): Promise<readonly SandboxStats[]> {
    return this.#stats.shared(pods)
  }

  async nodeStats({ signal }: CallContext): Promise<NodeStats> {
    const { clock, rootDir } = this.#host
    const place = { rootDir, clock, sinceMs: this.#sinceMs }
    return await nodeFigures(this.#engine, place, signal)
  }

  async describeNode({ signal }: CallContext): Promise<NodeDescription> {
    const { clock } = this.#host
    const parts = { config: this.#config, images: this.#collector, clock }
    return await describeEngine(this.#engine, parts, signal)
  }

  async ping({ signal }: CallContext): Promise<void> {
    await this.#engine.client.text({ path: '/_ping' }, { signal, timeoutMs: 5000 })
  }

  /** Lets go of the containers; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort()
    await Promise.allSettled(this.#background)
    await this.#cgroups[Symbol.asyncDispose]()
    const hasPods = [...this.#sandboxes.all()].length > 0
    if (!hasPods) await this.#removeNetwork()
    await this.#engine[Symbol.asyncDispose]()
  }

  /** Of a node without pods; where the engine does not answer it stays for another time. */
  async #removeNetwork(): Promise<void> {
    if (this.#config.network === undefined) return
    await this.#network.tidy(false, AbortSignal.timeout(leaveMs)).catch(() => {})
  }

  #begin(): void {
    const { clock, log, rootDir } = this.#host
    const { signal } = this.#lifetime
    const own = { engine: this.#engine, table: this.#table, cgroups: this.#cgroups }
    const shared = { images: this.#collector, network: this.#network }
    const parts = { ...own, ...shared, clock, log, rootDir }
    this.#background.push(this.#watch.follow(signal), keepHouse(parts, signal))
  }

  /** Work that needs room: what did not find it is tried again, and finds what images have left. */
  async #onDisk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (isDiskFull(error)) this.#collector.free(this.#lifetime.signal)
      throw error
    }
  }

  #forget(key: ContainerKey): void {
    this.#table.forget(key)
    this.#stats.forget(key)
  }
}
