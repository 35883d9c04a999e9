// SPDX-License-Identifier: Apache-2.0
// Makes a pod provider of any container runtime: one machine per pod, and what they share. At start the
// records on disk and the runtime's list give back the pods of our last life; nothing of them is started
// again before the API has handed them over.
import { rm, stat } from 'node:fs/promises'
import type { Pod } from '../kube/types.gen.ts'
import type { Features } from '../provider/features.ts'
import type { LogBatch, LogQuery } from '../provider/log-feed.ts'
import type {
  CallContext,
  NodeDescription,
  ObservedPod,
  PodProblem,
  PodProvider,
  PodRef,
  PodRequest,
  ProviderHost,
} from '../provider/provider.ts'
import type { NodeStats, PodStats, ProbeStats, StatsWish } from '../provider/stats.ts'
import { withDeadline } from '../util/deadline.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import { ContainerLists } from './container-lists.ts'
import type { ContainerRuntime, RuntimeContainer } from './container-runtime.ts'
import { coreFeatures } from './core-features.ts'
import { PodEvictor } from './eviction/pod-evictor.ts'
import { checkResolver } from './files/resolver-limits.ts'
import { hookRunner } from './hooks/run-hook.ts'
import { LogStore } from './logs/log-store.ts'
import type { MachineDeps, RuntimeProviderOptions } from './machine-deps.ts'
import { attemptDir, podDir } from './pod-dirs.ts'
import { PodMachine } from './pod-machine.ts'
import { readPodRecords, type PodRecord } from './pod-record.ts'
import { ProbeCounts } from './probes/probe-counts.ts'
import { probeRunner } from './probes/run-probe.ts'
import { RuntimeStats } from './resources/runtime-stats.ts'
import { StorageMeter } from './resources/storage-meter.ts'
import { streamMethods } from './stream-methods.ts'
import { volumeProblems } from './volumes/volume-check.ts'

export type { RuntimeProviderOptions } from './machine-deps.ts'

// With a watch the list is only a safety net.
const relistEveryMs = 60_000
const pollEveryMs = 1000
const listTimeoutMs = 30_000

/** A pod provider with a kubelet's lifecycle on top of `runtime`, which it owns from now on. */
export async function createRuntimeProvider(
  runtime: ContainerRuntime,
  host: ProviderHost,
  options: RuntimeProviderOptions = {},
): Promise<PodProvider> {
  await using resources = new AsyncDisposableStack()
  const provider = resources.use(new RuntimeProvider(runtime, host, options))
  await provider.adopt()
  resources.move()
  return provider
}

class RuntimeProvider implements PodProvider {
  readonly features: Features
  readonly resolves = 'container'
  readonly nodeStats?: (context: CallContext) => Promise<NodeStats>
  readonly exec?: NonNullable<PodProvider['exec']>
  readonly attach?: NonNullable<PodProvider['attach']>
  readonly portForward?: NonNullable<PodProvider['portForward']>
  readonly #runtime: ContainerRuntime
  readonly #host: ProviderHost
  readonly #deps: MachineDeps
  readonly #lists: ContainerLists
  readonly #logs: LogStore
  readonly #meter: StorageMeter
  readonly #stats: RuntimeStats
  readonly #evictor: PodEvictor
  readonly #machines = new Map<string, PodMachine>()
  readonly #probeCounts = new ProbeCounts()
  /** Pods cleaned up, with the newest list that had begun then. */
  readonly #cleaned = new Map<string, number>()
  readonly #listeners = new Set<(pod: ObservedPod) => void>()
  readonly #lifetime = new AbortController()
  #watch: Disposable | undefined
  #sandboxWatch: Disposable | undefined
  #timer: Disposable | undefined

  constructor(runtime: ContainerRuntime, host: ProviderHost, options: RuntimeProviderOptions) {
    const { clock, log } = host
    this.#runtime = runtime
    this.#host = host
    this.features = coreFeatures(runtime.features, runtime.volumes?.delivery, {
      hasExec: runtime.exec !== undefined,
    })
    if (runtime.nodeStats) this.nodeStats = runtime.nodeStats.bind(runtime)
    Object.assign(
      this,
      streamMethods(runtime, {
        find: (ref, name) => this.#machines.get(ref.uid)?.runningContainer(name),
        rootDir: host.rootDir,
      }),
    )
    this.#lists = new ContainerLists((epoch) => this.#list(epoch))
    this.#logs = new LogStore({
      clock,
      log,
      maxBytes: options.containerLogMaxBytes,
      maxFiles: options.containerLogMaxFiles,
    })
    this.#meter = new StorageMeter({ clock, rootDir: host.rootDir })
    this.#stats = new RuntimeStats({ host, runtime, meter: this.#meter })
    this.#evictor = new PodEvictor({
      host,
      runtime,
      meter: this.#meter,
      pods: () => this.#machines.values(),
    })
    this.#deps = this.#makeDeps(options)
  }

  /** Takes on what our last life left. The watch comes first, so that no change is missed. */
  async adopt(): Promise<void> {
    this.#watch = this.#runtime.watchContainers?.((run) => this.#onRun(run))
    this.#sandboxWatch = this.#runtime.watchSandboxes?.(({ uid }) => {
      this.#machines.get(uid)?.onSandboxEnd()
    })
    const runs = await this.#listContainers()
    const keepUids = new Set(runs.map(({ key }) => key.pod.uid))
    const { rootDir, log } = this.#host
    const records = await readPodRecords(rootDir, { log, keepUids })
    for (const record of records) this.#machineOf(record.ref, record)
    await this.#lists.refresh()
    this.#schedule()
    this.#evictor.start()
    void checkResolver(this.#host)
    if (records.length + keepUids.size > 0) {
      log.info({ pods: this.#machines.size, containers: runs.length }, 'Adopted pods')
    }
  }

  problemsOf(pod: Pod): readonly PodProblem[] {
    return [
      ...volumeProblems(pod, this.#runtime.volumes ?? { delivery: 'variable' }),
      ...(this.#runtime.problemsOf?.(pod) ?? []),
    ]
  }

  async createPod(request: PodRequest): Promise<void> {
    if (!this.#machines.has(request.pod.metadata.uid)) this.#refuse(request.pod)
    this.#machineOf(refOf(request)).setRequest(request)
  }

  async updatePod(request: PodRequest): Promise<void> {
    this.#machineOf(refOf(request)).setRequest(request)
  }

  async deletePod(
    { uid }: PodRef,
    { gracePeriodSeconds, failure }: Parameters<PodProvider['deletePod']>[1],
  ): Promise<void> {
    const graceMs = gracePeriodSeconds * 1000
    if (failure) this.#machines.get(uid)?.evict(failure, graceMs)
    else this.#machines.get(uid)?.delete(graceMs)
  }

  async cleanUpPod(ref: PodRef, context: CallContext): Promise<void> {
    const machine = this.#machines.get(ref.uid)
    if (machine) await machine.cleanUp(context)
    else await rm(podDir(this.#host.rootDir, ref.uid), { recursive: true, force: true })
    this.#machines.delete(ref.uid)
    this.#meter.forget(ref.uid)
    this.#cleaned.set(ref.uid, this.#lists.epoch)
  }

  async listPods(): Promise<readonly ObservedPod[]> {
    return [...this.#machines.values()].map((machine) => machine.observed())
  }

  async getPodStatuses(refs: readonly PodRef[]): Promise<ReadonlyMap<string, ObservedPod>> {
    const known = new Map<string, ObservedPod>()
    for (const { uid } of refs) {
      const machine = this.#machines.get(uid)
      if (machine) known.set(uid, machine.observed())
    }
    return known
  }

  watchPods(notify: (pod: ObservedPod) => void): Disposable {
    // A wrapper of its own, so that the same function given twice is told twice.
    const listener = (pod: ObservedPod): void => notify(pod)
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  async *logs(
    ref: PodRef,
    container: string,
    query: LogQuery,
    context: CallContext,
  ): AsyncGenerator<LogBatch, void, void> {
    const attempt = this.#machines.get(ref.uid)?.logAttempt(container, query)
    const key = attempt === undefined ? undefined : { pod: ref, name: container, attempt }
    if (key && this.#runtime.logs) {
      yield* this.#runtime.logs(key, { ...query, previous: false }, context)
      return
    }
    const dir = key && attemptDir(this.#host.rootDir, key)
    if (dir === undefined || !(await exists(dir))) {
      const which = query.previous ? 'previous output' : 'output'
      throw new VkError('NotFound', `Cannot read ${which} of container "${container}": it has none`)
    }
    yield* this.#logs.read(dir, { query, signal: context.signal })
  }

  probeStats(): readonly ProbeStats[] {
    return this.#probeCounts.stats()
  }

  evictions(): ReadonlyMap<string, number> {
    return this.#evictor.counts
  }

  podStats(context: CallContext, wish: StatsWish = 'all'): Promise<readonly PodStats[]> {
    return this.#stats.read([...this.#machines.values()], { wish, context })
  }

  async describeNode(context: CallContext): Promise<NodeDescription> {
    const description = await this.#runtime.describeNode(context)
    const { nodeConditions } = this.#evictor
    if (nodeConditions.length === 0) return description
    return { ...description, conditions: [...(description.conditions ?? []), ...nodeConditions] }
  }

  ping(context: CallContext): Promise<void> {
    return this.#runtime.ping(context)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort()
    this.#watch?.[Symbol.dispose]()
    this.#sandboxWatch?.[Symbol.dispose]()
    this.#timer?.[Symbol.dispose]()
    this.#listeners.clear()
    this.#meter[Symbol.dispose]()
    await this.#evictor[Symbol.asyncDispose]()
    await Promise.all([...this.#machines.values()].map((machine) => machine.dispose()))
    await this.#logs[Symbol.asyncDispose]()
    await this.#runtime[Symbol.asyncDispose]()
  }

  #makeDeps(options: RuntimeProviderOptions): MachineDeps {
    const [runtime, host] = [this.#runtime, this.#host]
    const { clock, log } = host
    return {
      runtime,
      host,
      options,
      logs: this.#logs,
      probes: {
        clock,
        run: probeRunner({ runtime, clock, log }),
        counts: this.#probeCounts,
        sinceMs: clock.nowMs(),
        random: Math.random,
      },
      runHook: hookRunner({ runtime, clock, log, recordEvent: host.recordEvent.bind(host) }),
      epoch: () => this.#lists.epoch,
      refresh: () => this.#lists.refresh(),
      publish: (observed) => {
        for (const notify of this.#listeners) notify(observed)
      },
    }
  }

  #refuse(pod: Pod): void {
    const [first] = this.problemsOf(pod)
    if (first) throw new VkError('Unsupported', `${first.field}: ${first.why}`)
  }

  #machineOf(ref: PodRef, record?: PodRecord): PodMachine {
    const known = this.#machines.get(ref.uid)
    if (known) return known
    const machine = new PodMachine(this.#deps, { ref, record })
    this.#machines.set(ref.uid, machine)
    return machine
  }

  #onRun(run: RuntimeContainer): void {
    this.#machines.get(run.key.pod.uid)?.onRun(run)
  }

  async #list(epoch: number): Promise<void> {
    const byUid = Map.groupBy(await this.#listContainers(), ({ key }) => key.pod.uid)
    for (const [uid, cleanedIn] of this.#cleaned) {
      // The list had begun when the pod was cleaned up: it tells of the past.
      if (cleanedIn >= epoch) byUid.delete(uid)
      else this.#cleaned.delete(uid)
    }
    for (const [run] of byUid.values()) if (run) this.#machineOf(run.key.pod)
    for (const [uid, machine] of this.#machines) machine.onList(byUid.get(uid) ?? [], epoch)
  }

  #schedule(): void {
    const everyMs = this.#watch ? relistEveryMs : pollEveryMs
    this.#timer = this.#host.clock.setTimer(everyMs, () => void this.#relist())
  }

  async #relist(): Promise<void> {
    try {
      await this.#lists.refresh()
    } catch (error) {
      this.#host.log.warn({ error: messageOf(error) }, 'Cannot list containers; trying again')
    }
    if (!this.#lifetime.signal.aborted) this.#schedule()
  }

  #listContainers(): Promise<readonly RuntimeContainer[]> {
    const { clock, log } = this.#host
    return withDeadline((signal) => this.#runtime.listContainers({ signal, log }), {
      clock,
      timeoutMs: listTimeoutMs,
      message: `Cannot list the containers: no answer for ${listTimeoutMs / 1000} s`,
      signal: this.#lifetime.signal,
    })
  }
}

function refOf({ pod }: PodRequest): PodRef {
  const { namespace, name, uid } = pod.metadata
  return { namespace, name, uid }
}

async function exists(dir: string): Promise<boolean> {
  return await stat(dir).then(
    () => true,
    () => false,
  )
}
