// SPDX-License-Identifier: Apache-2.0
// The container runtime whose containers are processes of the host. What it keeps in memory is what the
// launch directories say, and it starts from them: every process of a former life is found again.
import { join } from 'node:path'
import type { Features } from '../../provider/features.ts'
import type {
  CallContext,
  NodeDescription,
  PodProblem,
  PodRef,
  ProviderHost,
} from '../../provider/provider.ts'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { NodeStats } from '../../provider/stats.ts'
import type { ExecOptions, PortConnection, ProcessStreams } from '../../provider/streams.ts'
import type {
  ContainerKey,
  ContainerRuntime,
  ContainerStart,
  KeyedStats,
  RuntimeContainer,
  SandboxState,
  SandboxStats,
  VolumeSupport,
} from '../../runtime/container-runtime.ts'
import { readMachineStats } from '../../runtime/resources/machine-stats.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
import type { ContainerProcess } from './container-process.ts'
import { idOf } from './container-id.ts'
import { containerLimits, podGroupName } from './container-limits.ts'
import { ContainerStarts } from './container-starts.ts'
import { resolveRootImage } from './root-image.ts'
import { ImageStore } from './isolation/image-store.ts'
import { networkProblems } from './isolation/network-problems.ts'
import { openShares } from './isolation/pod-shares.ts'
import type { PodShares } from './isolation/pod-shares.ts'
import { leaveGroup } from './leave-group.ts'
import { ProcessFleet } from './process-fleet.ts'
import { capacityOf } from './process-config.ts'
import type { ProcessConfig } from './process-config.ts'
import { featuresHere } from './process-features.ts'
import { StatsReader } from './process-stats.ts'
import { toolRunner, type RunTool } from './run-tool.ts'
import { Spawner } from './spawner.ts'
import { resizeGroup, resizePod } from './resize-group.ts'
import { signalNumber } from './stop-signal.ts'
import { attachToContainer } from './streams/container-attach.ts'
import type { AttachOptions } from './streams/container-attach.ts'
import { execInContainer } from './streams/container-exec.ts'
import { PipePool } from './streams/pipe-pool.ts'
import { connectToPodPort } from './streams/pod-ports.ts'
import type { Surroundings } from './surroundings.ts'

const defaultSignal = 'SIGTERM'

/** Containers as processes. `open` makes one and adopts what runs already. */
export class ProcessRuntime implements ContainerRuntime {
  readonly name = 'process'
  readonly features: Features
  readonly volumes: VolumeSupport
  readonly #host: ProviderHost
  readonly #config: ProcessConfig
  readonly #surroundings: Surroundings
  readonly #fleet: ProcessFleet
  readonly #stats: StatsReader
  readonly #pipes: PipePool
  readonly #starts: ContainerStarts
  readonly #shared: PodShares | undefined
  readonly #images: ImageStore

  private constructor(
    host: ProviderHost,
    parts: {
      readonly config: ProcessConfig
      readonly surroundings: Surroundings
      readonly fleet: ProcessFleet
      readonly run: RunTool
    },
  ) {
    this.#host = host
    this.#config = parts.config
    this.#surroundings = parts.surroundings
    this.#fleet = parts.fleet
    this.#pipes = new PipePool(parts.surroundings.tools.shell)
    this.#stats = new StatsReader(host.clock, parts.surroundings.cgroups)
    this.features = featuresHere(parts.config, parts.surroundings)
    const { rootDir, clock } = host
    this.#shared = openShares({ rootDir, clock, run: parts.run }, parts.surroundings)
    const { tools, canIsolate } = parts.surroundings
    this.#images = new ImageStore(join(rootDir, 'process-images'), { tools, clock })
    const { config, surroundings, fleet } = parts
    const [images, shared] = [this.#images, this.#shared]
    this.#starts = new ContainerStarts({ host, config, surroundings, fleet, images, shared })
    const { memory } = this.#shared ?? {}
    this.volumes = {
      delivery: canIsolate ? 'mount' : 'variable',
      hostPathPrefixes: parts.config.hostPathPrefixes,
      ...(canIsolate && { prepareImage: async (wish) => await this.#prepareImage(wish) }),
      ...(memory && {
        prepareMemory: async ({ pod, volume, sizeBytes }) =>
          await memory.ensure({ uid: pod.metadata.uid, name: volume, sizeBytes }),
      }),
    }
  }

  /** Makes the runtime of one node; containers started before, by whatever life, are adopted. */
  static async open(
    host: ProviderHost,
    {
      config,
      surroundings,
    }: { readonly config: ProcessConfig; readonly surroundings: Surroundings },
  ): Promise<ProcessRuntime> {
    const { clock, log } = host
    const spawner = Spawner.open({ surroundings, clock, dir: host.rootDir })
    const run = toolRunner({ spawner, clock })
    const options = { clock, log, surroundings, spawner, run }
    const fleet = await ProcessFleet.open(join(host.rootDir, 'process'), options)
    const runtime = new ProcessRuntime(host, { config, surroundings, fleet, run })
    await runtime.#begin()
    return runtime
  }

  /** Pods of whose containers none runs need nobody to hold their namespaces. */
  async #begin(): Promise<void> {
    const running = this.#fleet.all().filter(({ isRunning }) => isRunning)
    const uids = running.map(({ launch }) => launch.record.key.pod.uid)
    await this.#shared?.restAllBut(new Set(uids))
    this.#fleet.onEnd(({ launch: { record } }) => void this.#rest(record.key.pod.uid))
  }

  async #rest(uid: string): Promise<void> {
    if (this.#starts.isUnderWay(uid) || this.#fleet.runningOf(uid).length > 0) return
    try {
      await this.#shared?.rest(uid)
    } catch (error) {
      // It is asked for again when the pod goes.
      this.#host.log.warn({ pod: uid, error: messageOf(error) }, 'Cannot end what a pod shared')
    }
  }

  async ensureSandbox({ spec }: Pick<Pod, 'spec'>): Promise<SandboxState> {
    const hasHostNetwork = this.#config.network === 'host' || spec.hostNetwork === true
    // After a restart of the machine nothing is left of what ran before.
    return { podIPs: hasHostNetwork ? this.#host.nodeIPs : [], id: this.#surroundings.bootId }
  }

  problemsOf(pod: Pod): readonly PodProblem[] {
    return networkProblems(pod, this.#config.network)
  }

  async removeSandbox(pod: PodRef): Promise<void> {
    await this.#starts.whenAllOver(pod.uid)
    const ids = this.#fleet.idsOf(pod.uid)
    await Promise.all(ids.map((id) => this.#fleet.remove(id)))
    const { cgroups } = this.#surroundings
    if (cgroups) await leaveGroup(podGroupName(pod.uid), { cgroups, clock: this.#host.clock })
    await this.#shared?.remove(pod.uid)
    await this.#images.release(pod.uid)
  }

  startContainer(start: ContainerStart, { signal }: CallContext): Promise<RuntimeContainer> {
    signal.throwIfAborted()
    return this.#starts.start(start)
  }

  async stopContainer(
    key: ContainerKey,
    { graceMs, signal = defaultSignal }: { readonly graceMs: number; readonly signal?: string },
    context: CallContext,
  ): Promise<void> {
    const number = signalNumber(signal)
    await this.#starts.whenOver(key)
    const stopped = this.#fleet.get(idOf(key))?.stop({ graceMs, signal: number })
    if (stopped) await untilAborted(stopped, context.signal)
  }

  async removeContainer(key: ContainerKey): Promise<void> {
    const id = idOf(key)
    await this.#fleet.remove(id)
    this.#stats.forget(id)
  }

  async listContainers(): Promise<readonly RuntimeContainer[]> {
    return this.#fleet.all().map((container) => container.describe())
  }

  watchContainers(notify: (container: RuntimeContainer) => void): Disposable {
    return this.#fleet.onEnd((container) => notify(container.describe()))
  }

  async exec(
    key: ContainerKey,
    options: ExecOptions & { readonly spec: Container },
    { signal }: CallContext,
  ): Promise<ProcessStreams> {
    const places = {
      surroundings: this.#surroundings,
      pipes: this.#pipes,
      clock: this.#host.clock,
      signal,
    }
    return await execInContainer(this.#running(key), options, places)
  }

  async attach(
    key: ContainerKey,
    options: AttachOptions,
    { signal }: CallContext,
  ): Promise<ProcessStreams> {
    const places = { clock: this.#host.clock, signal }
    return await attachToContainer(this.#running(key), options, places)
  }

  async updateResources(key: ContainerKey, { spec }: { readonly spec: Container }): Promise<void> {
    const { group } = this.#running(key)
    const limits = containerLimits(spec, this.#config)
    const what = `container "${key.name}"`
    resizeGroup(this.#surroundings.cgroups, { what, group, limits })
  }

  async updatePodResources(pod: Pod): Promise<void> {
    resizePod(this.#surroundings.cgroups, pod)
  }

  async portForward(pod: PodRef, port: number, { signal }: CallContext): Promise<PortConnection> {
    const containers = this.#fleet.runningOf(pod.uid)
    return await connectToPodPort(port, {
      containers,
      cgroups: this.#surroundings.cgroups,
      reachable: this.#config.reachablePorts,
      signal,
    })
  }

  async containerStats(keys: readonly ContainerKey[]): Promise<readonly KeyedStats[]> {
    const running = keys.flatMap((key) => {
      const container = this.#fleet.get(idOf(key))
      return container?.isRunning ? [container] : []
    })
    return this.#stats.read(running)
  }

  async sandboxStats(pods: readonly PodRef[]): Promise<readonly SandboxStats[]> {
    const { cgroups } = this.#surroundings
    if (!cgroups) return []
    const running = this.#fleet.all().filter(({ isRunning }) => isRunning)
    const byUid = Map.groupBy(running, ({ launch }) => launch.record.key.pod.uid)
    return pods.map((pod) => {
      const pids = (byUid.get(pod.uid) ?? []).flatMap(({ group }) => cgroups.members(group))
      return { pod, process_stats: { process_count: pids.length } }
    })
  }

  nodeStats(): Promise<NodeStats> {
    return readMachineStats(this.#host.rootDir, this.#host.clock)
  }

  async describeNode(): Promise<NodeDescription> {
    return {
      capacity: capacityOf(this.#config, this.#host.rootDir),
      runtimeVersion: `process://${process.versions.node}`,
    }
  }

  async ping({ signal }: CallContext): Promise<void> {
    signal.throwIfAborted()
  }

  /** Lets go of the processes; they run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#starts.whenAllOver()
    this.#fleet[Symbol.dispose]()
    this.#pipes[Symbol.dispose]()
  }

  #running(key: ContainerKey): ContainerProcess {
    const container = this.#fleet.get(idOf(key))
    if (container?.isRunning) return container
    throw new VkError('NotFound', `container not found (${JSON.stringify(key.name)})`)
  }

  /** An image as a volume: a directory that is read-only to all. */
  async #prepareImage({
    pod,
    reference,
  }: {
    readonly pod: Pod
    readonly reference: string
  }): Promise<{ readonly hostPath: string }> {
    const { imageDirPrefixes } = this.#config
    const { protectedDir } = this.#host
    const places = { imageDirPrefixes, protectedDir, canIsolate: true }
    const { path, digest } = await resolveRootImage(reference, places)
    if (digest === undefined) return { hostPath: path }
    return { hostPath: await this.#images.ensure({ path, digest }, pod.metadata.uid) }
  }
}
