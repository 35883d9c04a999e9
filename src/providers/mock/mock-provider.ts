// SPDX-License-Identifier: Apache-2.0
// The mock as a PodProvider. Every state is reached by `advance` (mock-pod.ts); this file calls it, keeps
// at most one timer per pod, and only for pods in which something is going to happen, and tells
// watchers of what changed.
import { readFile } from 'node:fs/promises'
import type { Pod } from '../../kube/types.gen.ts'
import type { Features } from '../../provider/features.ts'
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import type {
  CallContext,
  NodeDescription,
  ObservedPod,
  PodProvider,
  PodRef,
  PodRequest,
  ProviderHost,
} from '../../provider/provider.ts'
import type { NodeStats, PodStats } from '../../provider/stats.ts'
import type {
  ExecOptions,
  PortConnection,
  ProcessStreams,
  StreamChoice,
} from '../../provider/streams.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { VkError } from '../../util/vk-error.ts'
import { AddressPool, addressRange } from './address-pool.ts'
import { adoptedState } from './adopt-pod.ts'
import { behaviourOf, type Behaviour } from './behaviour.ts'
import type { MockConfig } from './config.ts'
import { Faults } from './faults.ts'
import { storedLines } from './mock-logs.ts'
import { advance, mockSpec, nextDueMs, restart, type MockPod } from './mock-pod.ts'
import { nodeStatsOf, podStatsOf } from './mock-stats.ts'
import { mockAttach, mockExec, mockPort } from './mock-streams.ts'
import { observePod } from './observe-pod.ts'

/** A backend that only pretends. */
export class MockProvider implements PodProvider {
  readonly features: Features
  readonly resolves = 'pod'
  readonly adoptsByStatus = true
  readonly #config: MockConfig
  readonly #host: ProviderHost
  readonly #pods = new Map<string, MockPod>()
  readonly #addresses: AddressPool
  readonly #faults = new Faults()
  readonly #watchers = new Set<(pod: ObservedPod) => void>()
  readonly #startedAtMs: number
  #endedCpuNanos = 0

  constructor(
    config: MockConfig,
    { host, features }: { readonly host: ProviderHost; readonly features: Features },
  ) {
    this.features = features
    this.#config = config
    this.#host = host
    this.#addresses = new AddressPool(addressRange(config.podCIDR))
    this.#startedAtMs = host.clock.nowMs()
  }

  async createPod({ pod }: PodRequest, { signal }: CallContext): Promise<void> {
    signal.throwIfAborted()
    const { uid } = pod.metadata
    const behaviour = behaviourOf(pod, this.#config.defaults)
    if (behaviour.hang === 'create') await hang(signal)
    this.#faults.failCreate(uid, behaviour)
    const known = this.#pods.get(uid)
    if (known) this.#notify(known)
    else this.#settle(this.#add(pod, behaviour), { isNew: true })
    this.#faults.loseReply(uid, behaviour)
  }

  async updatePod(request: PodRequest, context: CallContext): Promise<void> {
    const { pod } = request
    const known = this.#pods.get(pod.metadata.uid)
    if (!known) return await this.createPod(request, context)
    context.signal.throwIfAborted()
    const before = known.spec
    known.spec = mockSpec(pod, behaviourOf(pod, this.#config.defaults))
    const hasNewImage = known.spec.containers.some(
      ({ image }, index) => image !== before.containers[index]?.image,
    )
    if (hasNewImage && known.run.kind === 'running') {
      const { startedAtMs } = known.run
      const nowMs = this.#host.clock.nowMs()
      this.#countingUsage(known, () => restart(known, { startedAtMs, nowMs, exitCode: 0 }))
    }
    this.#settle(known, { isNew: true })
  }

  async deletePod(
    ref: PodRef,
    { gracePeriodSeconds }: { readonly gracePeriodSeconds: number },
    { signal }: CallContext,
  ): Promise<void> {
    signal.throwIfAborted()
    const pod = this.#pods.get(ref.uid)
    if (!pod) return this.#faults.forget(ref.uid)
    const { behaviour } = pod.spec
    if (behaviour.hang === 'delete') await hang(signal)
    this.#faults.failDelete(ref.uid, behaviour)
    if (pod.run.kind === 'ended') return
    const graceMs = gracePeriodSeconds * 1000
    const stopMs = behaviour['stop-delay'] ?? 0
    const atMs = this.#host.clock.nowMs() + Math.min(stopMs, graceMs)
    if (!pod.stop || atMs < pod.stop.atMs) pod.stop = { atMs, exitCode: stopMs > graceMs ? 137 : 0 }
    this.#settle(pod)
  }

  cleanUpPod({ uid }: PodRef): Promise<void> {
    const pod = this.#pods.get(uid)
    this.#faults.forget(uid)
    if (pod) {
      pod.timer?.[Symbol.dispose]()
      for (const address of pod.podIPs) this.#addresses.release(address)
      this.#pods.delete(uid)
    }
    return Promise.resolve()
  }

  listPods(): Promise<readonly ObservedPod[]> {
    return Promise.resolve([...this.#pods.values()].map(observePod))
  }

  getPodStatuses(refs: readonly PodRef[]): Promise<ReadonlyMap<string, ObservedPod>> {
    const statuses = new Map<string, ObservedPod>()
    for (const { uid } of refs) {
      const pod = this.#pods.get(uid)
      if (pod) statuses.set(uid, observePod(pod))
    }
    return Promise.resolve(statuses)
  }

  watchPods(notify: (pod: ObservedPod) => void): Disposable {
    this.#watchers.add(notify)
    return { [Symbol.dispose]: () => void this.#watchers.delete(notify) }
  }

  async *logs(
    ref: PodRef,
    container: string,
    query: LogQuery,
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    const pod = this.#pods.get(ref.uid)
    if (!pod) {
      const name = `"${ref.namespace}/${ref.name}"`
      throw new VkError('NotFound', `Cannot read logs of pod ${name}: it is not here`)
    }
    for (const entries of storedLines(pod, container, query)) yield { entries, isLive: false }
    if (!query.follow || query.previous) return
    yield { entries: [], isLive: true }
    await this.#untilRunEnds(pod, signal)
  }

  async exec(
    ref: PodRef,
    container: string,
    options: ExecOptions,
    { signal }: CallContext,
  ): Promise<ProcessStreams> {
    this.#running(ref, container)
    return mockExec(options, signal)
  }

  async attach(
    ref: PodRef,
    container: string,
    choice: StreamChoice,
    { signal }: CallContext,
  ): Promise<ProcessStreams> {
    const ended = this.#untilRunEnds(this.#running(ref, container), signal)
    return mockAttach(choice, { ended: ended.catch(() => {}), signal })
  }

  async portForward(ref: PodRef, _port: number, { signal }: CallContext): Promise<PortConnection> {
    this.#running(ref)
    return mockPort(signal)
  }

  podStats(): Promise<readonly PodStats[]> {
    const nowMs = this.#host.clock.nowMs()
    const stats: PodStats[] = []
    for (const pod of this.#pods.values()) {
      const one = podStatsOf(pod, nowMs)
      if (one) stats.push(one)
    }
    return Promise.resolve(stats)
  }

  async nodeStats(): Promise<NodeStats> {
    const [startedAtMs, endedCpuNanos] = [this.#startedAtMs, this.#endedCpuNanos]
    const nowMs = this.#host.clock.nowMs()
    return nodeStatsOf(await this.podStats(), { nowMs, startedAtMs, endedCpuNanos })
  }

  describeNode(): Promise<NodeDescription> {
    const { capacity, labels, providerID } = this.#config
    const runtimeVersion = 'mock://1.0.0'
    return Promise.resolve({ capacity, labels, runtimeVersion, ...(providerID && { providerID }) })
  }

  async ping(): Promise<void> {
    const { unhealthyFile } = this.#config
    if (unhealthyFile === undefined) return
    let why: string
    try {
      why = (await readFile(unhealthyFile, 'utf8')).trim()
    } catch {
      // No such file, or none that can be read: the backend counts as healthy.
      return
    }
    throw new VkError('Unavailable', `Cannot reach the mock backend: ${why || 'it is down'}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const { timer } of this.#pods.values()) timer?.[Symbol.dispose]()
    this.#pods.clear()
    this.#watchers.clear()
    return Promise.resolve()
  }

  #running(ref: PodRef, container?: string): MockPod {
    const pod = this.#pods.get(ref.uid)
    if (pod?.run.kind === 'running') return pod
    const what = container === undefined ? 'pod' : `container "${container}"`
    throw new VkError('NotFound', `${what} does not run`)
  }

  #add(pod: Pod, behaviour: Behaviour): MockPod {
    const { namespace, name, uid } = pod.metadata
    const adopted = adoptedState(pod)
    const podIPs = this.#podIPs(pod, { behaviour, adopted: adopted?.podIPs })
    const added: MockPod = {
      ref: { namespace, name, uid },
      podIPs,
      createdAtMs: adopted?.createdAtMs ?? this.#host.clock.nowMs(),
      startTime: adopted?.startTime,
      spec: mockSpec(pod, behaviour),
      run: adopted?.run ?? { kind: 'starting' },
      restartCount: adopted?.restartCount ?? 0,
      previous: adopted?.previous,
      failure: undefined,
      stop: undefined,
      timer: undefined,
    }
    this.#pods.set(uid, added)
    return added
  }

  #podIPs(
    pod: Pod,
    from: { readonly behaviour: Behaviour; readonly adopted: readonly string[] | undefined },
  ): readonly string[] {
    if (pod.spec.hostNetwork) return this.#host.nodeIPs
    const given = from.adopted ?? from.behaviour['pod-ip']
    if (!given) return [this.#addresses.take()]
    for (const address of given) this.#addresses.reserve(address)
    return given
  }

  /** Moves the pod on to the present, tells of it, and sees to it that the future is not missed. */
  #settle(pod: MockPod, { isNew = false }: { readonly isNew?: boolean } = {}): void {
    const { clock } = this.#host
    const nowMs = clock.nowMs()
    const hasChanged = this.#countingUsage(pod, () => advance(pod, nowMs))
    pod.timer?.[Symbol.dispose]()
    const dueMs = nextDueMs(pod)
    pod.timer =
      dueMs === Number.POSITIVE_INFINITY
        ? undefined
        : clock.setTimer(dueMs - nowMs, () => this.#settle(pod))
    if (hasChanged || isNew) this.#notify(pod)
  }

  /** What a run has used stays with the node when `change` ends that run. */
  #countingUsage<T>(pod: MockPod, change: () => T): T {
    const { run } = pod
    const stats = run.kind === 'running' ? podStatsOf(pod, this.#host.clock.nowMs()) : undefined
    const result = change()
    if (pod.run !== run) this.#endedCpuNanos += stats?.cpu?.usageCoreNanoSeconds ?? 0
    return result
  }

  #notify(pod: MockPod): void {
    if (this.#watchers.size === 0) return
    const observed = observePod(pod)
    for (const notify of this.#watchers) notify(observed)
  }

  async #untilRunEnds(pod: MockPod, signal: AbortSignal): Promise<void> {
    const { run, ref } = pod
    const { promise, resolve } = Promise.withResolvers<void>()
    const check = (): void => {
      if (pod.run !== run || run.kind === 'ended' || signal.aborted) resolve()
    }
    using _watch = this.watchPods((observed) => {
      if (observed.ref.uid === ref.uid) check()
    })
    signal.addEventListener('abort', check, { once: true })
    check()
    await promise
    signal.removeEventListener('abort', check)
  }
}

async function hang(signal: AbortSignal): Promise<never> {
  try {
    return await untilAborted(Promise.withResolvers<never>().promise, signal)
  } catch (cause) {
    throw new VkError('Timeout', 'Cannot reach the mock backend: it does not answer', { cause })
  }
}
