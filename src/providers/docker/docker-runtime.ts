// SPDX-License-Identifier: Apache-2.0
// The container runtime whose containers are a Docker or Podman engine's. The engine holds the truth; what is
// kept here is what it said last. Each part has a folder of its own; this class joins them.
import type { Features } from '../../provider/features.ts'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import type { CallContext, NodeDescription, PodRef, ProviderHost } from '../../provider/provider.ts'
import type { ContainerStats } from '../../provider/stats.ts'
import type { ExecOptions, ProcessStreams, StreamChoice } from '../../provider/streams.ts'
import type {
  ContainerKey,
  ContainerRuntime,
  ContainerStart,
  RuntimeContainer,
  SandboxOptions,
  SandboxState,
  VolumeSupport,
} from '../../runtime/container-runtime.ts'
import { VkError } from '../../util/vk-error.ts'
import { createBody } from './container/create-body.ts'
import { ownerFilter, type Owner } from './container/container-labels.ts'
import { ContainerStarts } from './container/container-starts.ts'
import type { KnownContainer } from './container/container-state.ts'
import { ContainerStops } from './container/container-stops.ts'
import { ContainerTable } from './container/container-table.ts'
import { OutOfMemory } from './container/out-of-memory.ts'
import type { DockerConfig } from './docker-config.ts'
import { featuresHere } from './docker-features.ts'
import type { Engine } from './engine/connect-engine.ts'
import { isNotFound } from './engine/engine-error.ts'
import { followEvents } from './engine/event-feed.ts'
import type { CreateBody, EngineEvent } from './engine/engine-objects.ts'
import { readEngineLog } from './logs/engine-log.ts'
import { PodSandboxes } from './sandbox/pod-sandboxes.ts'
import { attachToEngine } from './streams/engine-attach.ts'
import { execInEngine } from './streams/engine-exec.ts'

export interface RuntimeParts {
  readonly engine: Engine
  readonly config: DockerConfig
}

/** Containers of an engine. */
export class DockerRuntime implements ContainerRuntime {
  readonly name: string
  readonly features: Features
  readonly volumes: VolumeSupport
  readonly #host: ProviderHost
  readonly #engine: Engine
  readonly #config: DockerConfig
  readonly #owner: Owner
  readonly #table: ContainerTable
  readonly #sandboxes: PodSandboxes
  readonly #starts: ContainerStarts
  readonly #stops: ContainerStops
  readonly #lifetime = new AbortController()
  #events: Promise<void> | undefined

  constructor(host: ProviderHost, { engine, config }: RuntimeParts) {
    const { nodeName, clusterId, nodeIPs, clock } = host
    const owner = { nodeName, clusterId }
    this.name = engine.kind
    this.features = featuresHere(config, engine)
    this.volumes = { delivery: 'mount', hostPathPrefixes: config.hostPathPrefixes }
    this.#host = host
    this.#engine = engine
    this.#config = config
    this.#owner = owner
    this.#table = new ContainerTable({ engine, owner, outOfMemory: new OutOfMemory(undefined) })
    this.#sandboxes = new PodSandboxes({ engine, config, owner, nodeIPs })
    this.#starts = new ContainerStarts({
      engine,
      table: this.#table,
      bodyOf: (start, context) => this.#bodyOf(start, context),
    })
    this.#stops = new ContainerStops({ engine, table: this.#table, clock })
  }

  ensureSandbox(pod: Pod, options: SandboxOptions, context: CallContext): Promise<SandboxState> {
    return this.#sandboxes.ensure(pod, options, context)
  }

  async removeSandbox(pod: PodRef, context: CallContext): Promise<void> {
    await this.#starts.settled(pod.uid)
    await this.#sandboxes.remove(pod, context)
    for (const { run } of this.#table.all()) {
      if (run.key.pod.uid === pod.uid) this.#table.forget(run.key)
    }
  }

  startContainer(start: ContainerStart, context: CallContext): Promise<RuntimeContainer> {
    return this.#starts.start(start, context)
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
    const path = `/containers/${known.engineId}`
    const request = { method: 'DELETE', path, query: { force: 1, v: 1 } } as const
    await this.#engine.client.text(request, context).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
    this.#table.forget(key)
  }

  async listContainers({ signal }: CallContext): Promise<readonly RuntimeContainer[]> {
    await this.#table.list(signal)
    return this.#table.all().map(({ run }) => run)
  }

  watchContainers(notify: (container: RuntimeContainer) => void): Disposable {
    const watch = this.#table.onChange(notify)
    const { signal } = this.#lifetime
    this.#events ??= followEvents({
      client: this.#engine.client,
      clock: this.#host.clock,
      log: this.#host.log,
      signal,
      labels: ownerFilter(this.#owner),
      onConnected: async () => void (await this.#table.list(signal)),
      onEvent: (event) => void this.#onEvent(event),
    })
    return watch
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
    const { engineId, isTerminal } = known
    const hasEnded = async (signal: AbortSignal): Promise<boolean> => {
      const now = await this.#table.refresh(engineId, signal)
      return now?.run.state.kind !== 'running'
    }
    const { client } = this.#engine
    const { clock } = this.#host
    yield* readEngineLog({ client, clock, engineId, isTerminal, hasEnded }, query, context)
  }

  async exec(
    key: ContainerKey,
    options: ExecOptions & { readonly spec: Container },
    context: CallContext,
  ): Promise<ProcessStreams> {
    const { engineId } = this.#running(key)
    const place = { engine: this.#engine, clock: this.#host.clock, engineId }
    return await execInEngine(place, options, context)
  }

  async attach(
    key: ContainerKey,
    options: StreamChoice & { readonly spec: Container },
    context: CallContext,
  ): Promise<ProcessStreams> {
    const { engineId } = this.#running(key)
    const ended = this.#table.whenEnded(key)
    const { client } = this.#engine
    return await attachToEngine({ client, engineId, ended }, options, context)
  }

  async containerStats(): Promise<
    readonly { readonly key: ContainerKey; readonly stats: ContainerStats }[]
  > {
    return []
  }

  async describeNode(): Promise<NodeDescription> {
    const { info, kind, version } = this.#engine
    return {
      capacity: {
        cpu: String(info.NCPU),
        memory: `${Math.floor(info.MemTotal / 1024)}Ki`,
        pods: '110',
        'ephemeral-storage': '100Gi',
        ...this.#config.capacity,
      },
      runtimeVersion: `${kind}://${version}`,
    }
  }

  async ping({ signal }: CallContext): Promise<void> {
    await this.#engine.client.text({ path: '/_ping' }, { signal, timeoutMs: 5000 })
  }

  /** Lets go of the containers; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort()
    await this.#events
    await this.#engine[Symbol.asyncDispose]()
  }

  async #bodyOf(start: ContainerStart, { signal }: CallContext): Promise<CreateBody> {
    const sandbox = this.#sandboxes.get(start.key.pod.uid)
    if (!sandbox) throw new VkError('Unavailable', 'the sandbox of the pod is not there')
    const path = `/images/${encodeURI(start.spec.image ?? '')}/json`
    const image = await this.#engine.client.json<{ Id: string; Config?: { User?: string } }>(
      { path },
      { signal },
    )
    return createBody({
      start,
      owner: this.#owner,
      config: this.#config,
      sandboxId: sandbox.id,
      engineKind: this.#engine.kind,
      image: { id: image.Id, user: image.Config?.User ?? '' },
      memoryBytes: this.#engine.info.MemTotal,
      seccompProfile: undefined,
      targetId: undefined,
    })
  }

  async #onEvent({ Action, Actor }: EngineEvent): Promise<void> {
    const { signal } = this.#lifetime
    if (!['die', 'destroy', 'remove', 'oom'].includes(Action)) return
    await this.#table.refresh(Actor.ID, signal).catch(() => {
      // The engine went away again: when the events come back everything is looked at.
    })
  }

  #running(key: ContainerKey): KnownContainer {
    const known = this.#table.get(key)
    if (known?.run.state.kind === 'running') return known
    throw new VkError('NotFound', `container not found (${JSON.stringify(key.name)})`)
  }
}
