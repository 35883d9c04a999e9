// SPDX-License-Identifier: Apache-2.0
// The container runtime whose containers are processes of the host. What it keeps in memory is what the
// launch directories say, and it starts from them: every process of a former life is found again.
import { createHash } from 'node:crypto'
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
import type { ContainerStats, NodeStats, PodStats } from '../../provider/stats.ts'
import type { ExecOptions, PortConnection, ProcessStreams } from '../../provider/streams.ts'
import type {
  ContainerKey,
  ContainerRuntime,
  ContainerStart,
  RuntimeContainer,
  SandboxState,
  VolumeSupport,
} from '../../runtime/container-runtime.ts'
import { oomScoreAdj } from '../../runtime/resources/oom-score.ts'
import { readMachineStats } from '../../runtime/resources/machine-stats.ts'
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
import type { ContainerProcess } from './container-process.ts'
import { containerLimits, podGroupName } from './container-limits.ts'
import { resolveRootImage } from './root-image.ts'
import { prepareStart } from './start-plan.ts'
import type { StartPlaces } from './start-plan.ts'
import { hasLostPeer } from './isolation/bubblewrap.ts'
import type { Peer } from './isolation/pod-namespaces.ts'
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
import { setOomScore } from './set-oom-score.ts'
import { signalNumber } from './stop-signal.ts'
import { attachToContainer } from './streams/container-attach.ts'
import type { AttachOptions } from './streams/container-attach.ts'
import { execInContainer } from './streams/container-exec.ts'
import { PipePool } from './streams/pipe-pool.ts'
import { connectToPodPort } from './streams/pod-ports.ts'
import type { Surroundings } from './surroundings.ts'

/** How often a container looks for another one of its pod to join. */
const maxJoins = 5

const defaultSignal = 'SIGTERM'

/** A start under way. */
interface Starting {
  readonly uid: string
  readonly started: Promise<RuntimeContainer>
}

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
  readonly #starting = new Map<string, Starting>()
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
    const isStarting = [...this.#starting.values()].some((starting) => starting.uid === uid)
    if (isStarting || this.#containersOf(uid).length > 0) return
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
    for (const { uid, started } of this.#starting.values()) {
      // One that fails to start leaves nothing to remove.
      if (uid === pod.uid) await started.catch(() => {})
    }
    const ids = this.#fleet.idsOf(pod.uid)
    await Promise.all(ids.map((id) => this.#fleet.remove(id)))
    const { cgroups } = this.#surroundings
    if (cgroups) await leaveGroup(podGroupName(pod.uid), { cgroups, clock: this.#host.clock })
    await this.#shared?.remove(pod.uid)
    await this.#images.release(pod.uid)
  }

  startContainer(start: ContainerStart, { signal }: CallContext): Promise<RuntimeContainer> {
    signal.throwIfAborted()
    const id = idOf(start.key)
    const known = this.#fleet.get(id)
    if (known) return Promise.resolve(known.describe())
    const starting = this.#starting.get(id)
    if (starting) return starting.started
    const started = this.#start(id, start).finally(() => this.#starting.delete(id))
    this.#starting.set(id, { uid: start.key.pod.uid, started })
    return started
  }

  async #start(id: string, start: ContainerStart): Promise<RuntimeContainer> {
    try {
      const container = await this.#launch(id, start)
      this.#setOomScore(container, start)
      return container.describe()
    } catch (error) {
      if (error instanceof VkError) throw error
      // Messages of the file system hold paths, which are nobody's business outside.
      const { code = messageOf(error) } = error as NodeJS.ErrnoException
      throw new VkError('Unavailable', `Cannot start container "${start.key.name}": ${code}`, {
        cause: error,
        podReason: 'CreateContainerError',
      })
    }
  }

  async #launch(id: string, start: ContainerStart): Promise<ContainerProcess> {
    const shares = await this.#shared?.of(start.pod)
    for (let tries = 1; ; tries++) {
      const peers = await this.#peersOf(start.key.pod)
      const plan = await prepareStart(start, { ...this.#places(), peers, ...shares })
      try {
        return await this.#fleet.launch({ id, start, plan })
      } catch (error) {
        // Nothing has run: it joins another one, or has namespaces of its own.
        if (tries === maxJoins || !hasLostPeer(error)) throw error
      }
    }
  }

  async stopContainer(
    key: ContainerKey,
    { graceMs, signal = defaultSignal }: { readonly graceMs: number; readonly signal?: string },
    context: CallContext,
  ): Promise<void> {
    const number = signalNumber(signal)
    // Where it does not start, the caller of startContainer is told.
    await this.#starting.get(idOf(key))?.started.catch(() => {})
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
    const containers = this.#containersOf(pod.uid)
    return await connectToPodPort(port, {
      containers,
      cgroups: this.#surroundings.cgroups,
      reachable: this.#config.reachablePorts,
      signal,
    })
  }

  async containerStats(
    keys: readonly ContainerKey[],
  ): Promise<readonly { readonly key: ContainerKey; readonly stats: ContainerStats }[]> {
    const running = keys.flatMap((key) => {
      const container = this.#fleet.get(idOf(key))
      return container?.isRunning ? [container] : []
    })
    return this.#stats.read(running)
  }

  async sandboxStats(
    pods: readonly PodRef[],
  ): Promise<readonly (Pick<PodStats, 'process_stats'> & { readonly pod: PodRef })[]> {
    const { cgroups } = this.#surroundings
    if (!cgroups) return []
    return pods.map((pod) => {
      const pids = this.#containersOf(pod.uid).flatMap(({ group }) => cgroups.members(group))
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
    await Promise.allSettled([...this.#starting.values()].map(({ started }) => started))
    this.#fleet[Symbol.dispose]()
    this.#pipes[Symbol.dispose]()
  }

  #setOomScore({ group, pid }: ContainerProcess, { pod, spec }: ContainerStart): void {
    const { memory } = capacityOf(this.#config, this.#host.rootDir)
    const memoryBytes = Number(wholeUnits(parseQuantity(memory ?? '0')))
    if (memoryBytes <= 0) return
    const members = this.#surroundings.cgroups?.members(group) ?? []
    setOomScore([...new Set([pid, ...members])], oomScoreAdj({ pod, spec, memoryBytes }))
  }

  #running(key: ContainerKey): ContainerProcess {
    const container = this.#fleet.get(idOf(key))
    if (container?.isRunning) return container
    throw new VkError('NotFound', `container not found (${JSON.stringify(key.name)})`)
  }

  /** The pod's sandboxes that run. */
  async #peersOf({ uid }: PodRef): Promise<readonly Peer[]> {
    const peers = this.#containersOf(uid)
      .filter(({ isSandboxed }) => isSandboxed)
      .map(async (container): Promise<readonly Peer[]> => {
        const found = await container.program()
        const { name } = container.launch.record.key
        return found ? [{ name, inside: found.inside, memoryHolder: container.memoryHolder }] : []
      })
    return (await Promise.all(peers)).flat()
  }

  /** Those of the pod that run. */
  #containersOf(uid: string): readonly ContainerProcess[] {
    return this.#fleet
      .idsOf(uid)
      .map((id) => this.#fleet.get(id))
      .filter((container) => container !== undefined)
      .filter(({ isRunning }) => isRunning)
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

  #places(): Pick<StartPlaces, 'config' | 'host' | 'surroundings' | 'images'> {
    return {
      config: this.#config,
      host: this.#host,
      surroundings: this.#surroundings,
      images: this.#images,
    }
  }
}

/** Identifies one run of one container, in file names too: nothing of the pod's own words is in it. */
function idOf({ pod, name, attempt }: ContainerKey): string {
  return createHash('sha256')
    .update(JSON.stringify([pod.uid, name, attempt]))
    .digest('hex')
    .slice(0, 40)
}
