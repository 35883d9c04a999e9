// SPDX-License-Identifier: Apache-2.0
// The container runtime whose containers are a Docker or Podman engine's. The engine holds the truth; what is
// kept here is what it said last. Its parts have folders of their own; docker-parts.ts joins them.
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
import { podRefusals, remoteRefusals } from './container/pod-refusals.ts'
import { removeContainer } from './container/remove-container.ts'
import { updateResources } from './container/update-resources.ts'
import type { DockerConfig } from './docker-config.ts'
import { featuresHere } from './docker-features.ts'
import { makeDockerParts, type DockerParts, type DockerPlaces } from './docker-parts.ts'
import type { Engine } from './engine/connect-engine.ts'
import { isDependedOn, isDiskFull } from './engine/engine-error.ts'
import { dialsThrough } from './engine/reachable-pods.ts'
import { keepHouse } from './housekeeping.ts'
import { PullRecords } from './images/pull-records.ts'
import { readContainerLog } from './logs/container-log.ts'
import { EngineNode } from './node-description.ts'
import { nodeFigures } from './node-figures.ts'

/** How long an engine may take for what is done when we leave. */
const leaveMs = 5000

/** Containers of an engine. `open` makes one. */
export class DockerRuntime implements ContainerRuntime {
  readonly name: string
  readonly features: Features
  readonly volumes: VolumeSupport
  readonly dial?: NonNullable<ContainerRuntime['dial']>
  readonly #host: ProviderHost
  readonly #engine: Engine
  readonly #config: DockerConfig
  readonly #parts: DockerParts
  readonly #sinceMs: number
  readonly #node: EngineNode
  readonly #lifetime = new AbortController()
  readonly #background: Promise<void>[] = []

  private constructor(host: ProviderHost, places: Omit<DockerPlaces, 'signal'>) {
    const { engine, config } = places
    const parts = makeDockerParts(host, { ...places, signal: this.#lifetime.signal })
    this.name = engine.kind
    this.#host = host
    this.#engine = engine
    this.#config = config
    this.#parts = parts
    this.#sinceMs = host.clock.nowMs()
    this.#node = new EngineNode(engine, { config, images: parts.collector, clock: host.clock })
    this.features = featuresHere(config, { ...engine, canLimitPods: parts.cgroups.canLimit })
    if (dialsThrough(engine, config)) this.dial = parts.streams.dial.bind(parts.streams)
    this.volumes = {
      delivery: 'mount',
      hostPathPrefixes: engine.isLocal ? config.hostPathPrefixes : [],
      ...(!engine.isLocal && {
        filesWritten: (files, context) => parts.elsewhere.bring(files, context.signal),
      }),
    }
  }

  /** Makes the runtime of one node, which owns the engine's connection from now on. */
  static async open(
    host: ProviderHost,
    { engine, config }: Pick<DockerPlaces, 'engine' | 'config'>,
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
    const state = await this.#onDisk(this.#parts.sandboxes.ensure(pod, options, context))
    await this.#parts.elsewhere.bringWaiting(pod.metadata.uid, context.signal)
    return state
  }

  stopSandbox(pod: PodRef, context: CallContext): Promise<void> {
    return this.#parts.sandboxes.stop(pod, context)
  }

  async removeSandbox(pod: PodRef, context: CallContext): Promise<void> {
    await this.#parts.starts.settled(pod.uid)
    await this.#parts.sandboxes.remove(pod, context)
    this.#parts.elsewhere.forget(pod.uid)
    this.#parts.outOfMemory.forget(this.#parts.cgroups.parentOf(pod.uid))
    for (const { run } of this.#parts.table.all()) {
      if (run.key.pod.uid === pod.uid) this.#forget(run.key)
    }
  }

  watchSandboxes(notify: (pod: PodRef) => void): Disposable {
    return this.#parts.watch.onSandboxEnd(notify)
  }

  startContainer(start: ContainerStart, context: CallContext): Promise<RuntimeContainer> {
    return this.#onDisk(this.#parts.starts.start(start, context))
  }

  async stopContainer(
    key: ContainerKey,
    { graceMs, signal }: { readonly graceMs: number; readonly signal?: string },
    context: CallContext,
  ): Promise<void> {
    const own = this.#parts.table.get(key)?.stopSignal
    await this.#parts.stops.stop(key, { graceMs, signal: signal ?? own ?? 'SIGTERM' }, context)
  }

  async removeContainer(key: ContainerKey, context: CallContext): Promise<void> {
    const known = this.#parts.table.get(key)
    if (!known) return
    const { client } = this.#engine
    await removeContainer(client, known.engineId, context.signal).catch((error: unknown) => {
      // One that a debugging container has joined goes with the pod.
      if (!isDependedOn(error)) throw error
    })
    this.#forget(key)
  }

  async listContainers({ signal }: CallContext): Promise<readonly RuntimeContainer[]> {
    await this.#parts.table.list(signal)
    return this.#parts.table.all().map(({ run }) => run)
  }

  watchContainers(notify: (container: RuntimeContainer) => void): Disposable {
    return this.#parts.table.onChange(notify)
  }

  async *logs(
    key: ContainerKey,
    query: LogQuery,
    context: CallContext,
  ): AsyncGenerator<LogBatch, void, void> {
    const known = this.#parts.table.get(key)
    if (!known) {
      throw new VkError('NotFound', `Cannot read output of container "${key.name}": it has none`)
    }
    const parts = { engine: this.#engine, table: this.#parts.table, clock: this.#host.clock }
    yield* readContainerLog(known, { parts, query, context })
  }

  exec(key: ContainerKey, options: ExecOptions, context: CallContext): Promise<ProcessStreams> {
    return this.#parts.streams.exec(key, options, context)
  }

  attach(
    key: ContainerKey,
    options: StreamChoice & { readonly spec: Container },
    context: CallContext,
  ): Promise<ProcessStreams> {
    return this.#parts.streams.attach(key, options, context)
  }

  portForward(pod: PodRef, port: number, context: CallContext): Promise<PortConnection> {
    return this.#parts.streams.portForward(pod, port, context)
  }

  async updateResources(
    key: ContainerKey,
    { spec }: { readonly spec: Container },
    { signal }: CallContext,
  ): Promise<void> {
    const { engineId } = this.#parts.table.running(key)
    await updateResources(this.#engine, { engineId, spec }, signal)
  }

  async updatePodResources(pod: Pod): Promise<void> {
    this.#parts.cgroups.limit(pod)
  }

  async containerStats(
    keys: readonly ContainerKey[],
    { signal }: CallContext,
  ): Promise<readonly KeyedStats[]> {
    return await this.#parts.stats.read(keys, signal)
  }

  sandboxStats(pods: readonly PodRef[]): Promise<readonly SandboxStats[]> {
    return this.#parts.stats.shared(pods)
  }

  async nodeStats({ signal }: CallContext): Promise<NodeStats> {
    const { clock, rootDir } = this.#host
    const place = { rootDir, clock, sinceMs: this.#sinceMs }
    return await nodeFigures(this.#engine, place, signal)
  }

  describeNode({ signal }: CallContext): Promise<NodeDescription> {
    return this.#node.describe(signal)
  }

  async ping({ signal }: CallContext): Promise<void> {
    await this.#engine.client.text({ path: '/_ping' }, { signal, timeoutMs: 5000 })
  }

  /** Lets go of the containers; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort()
    await Promise.allSettled(this.#background)
    await this.#parts.cgroups[Symbol.asyncDispose]()
    const hasPods = [...this.#parts.sandboxes.all()].length > 0
    if (!hasPods) await this.#removeNetwork()
    await this.#engine[Symbol.asyncDispose]()
  }

  /** Of a node without pods; where the engine does not answer it stays for another time. */
  async #removeNetwork(): Promise<void> {
    if (this.#config.network === undefined) return
    await this.#parts.network.tidy(false, AbortSignal.timeout(leaveMs)).catch(() => {})
  }

  #begin(): void {
    const { clock, log, rootDir } = this.#host
    const { signal } = this.#lifetime
    const { watch, table, cgroups, network, collector: images } = this.#parts
    const house = { engine: this.#engine, table, cgroups, network, images, clock, log, rootDir }
    this.#background.push(watch.follow(signal), keepHouse(house, signal))
  }

  /** Work that needs room: what did not find it is tried again, and finds what images have left. */
  async #onDisk<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (isDiskFull(error)) this.#parts.collector.free(this.#lifetime.signal)
      throw error
    }
  }

  #forget(key: ContainerKey): void {
    this.#parts.table.forget(key)
    this.#parts.stats.forget(key)
  }
}
