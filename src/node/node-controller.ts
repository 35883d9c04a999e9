// SPDX-License-Identifier: Apache-2.0
// The life of one Node: registered once the backend has first answered, kept right by a loop that
// compares it with what the API server has, made anew when somebody deletes it, marked not ready when
// the process goes. The parts that decide are pure (node-object, node-merge); this one holds the state.
// Several controllers live in one process without knowing of each other.
import type { EventRecorder, RecordedEvent } from '../kube/event-recorder.ts'
import { Informer } from '../kube/informer.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { nodes } from '../kube/resources.ts'
import type { Node } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NodeDescription, PodProvider } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { messageOf, VkError } from '../util/vk-error.ts'
import { withDeadline } from './deadline.ts'
import { HealthCheck } from './health-check.ts'
import { conditionEvents } from './node-conditions.ts'
import type { DesiredCondition } from './node-conditions.ts'
import { NodeDescriber } from './node-description.ts'
import { nodeFacts } from './node-facts.ts'
import type { NodeFacts } from './node-facts.ts'
import { isNodeIdentity } from './node-identity.ts'
import { checkLabels } from './node-labels.ts'
import { NodeKeeper } from './node-keeper.ts'
import { NodeLease } from './node-lease.ts'
import { descriptionObstacles, desiredNode } from './node-object.ts'
import type { DesiredNode } from './node-object.ts'
import { defaultIntervals } from './node-options.ts'
import type { NodeIntervals, NodeOptions } from './node-options.ts'
import { StatusLoop } from './node-status-loop.ts'
import { NodeWriter } from './node-writer.ts'

/** What a node needs from the rest of the process. */
export interface NodeDependencies {
  readonly client: KubeClient
  readonly provider: Pick<PodProvider, 'describeNode' | 'ping' | 'watchNode'>
  readonly recorder: EventRecorder
  readonly clock: Clock
  /** Says by itself which node it is about. */
  readonly log: Logger
  readonly metrics?: Metrics
}

/** How a node goes down. */
export interface NodeShutdown {
  /** Reason of condition Ready; default KubeletNotReady. */
  readonly reason?: string
  readonly message: string
  /** Deletes the Node as well; its pods are then the garbage collector's. */
  readonly deleteNode?: boolean
}

/** Registers a Node and keeps it alive until disposed of. */
export class NodeController implements AsyncDisposable {
  readonly #deps: NodeDependencies
  readonly #options: NodeOptions
  readonly #intervals: NodeIntervals
  readonly #log: Logger
  readonly #stop = new AbortController()
  readonly #health: HealthCheck
  readonly #describer: NodeDescriber
  readonly #writer: NodeWriter
  readonly #keeper: NodeKeeper
  readonly #lease: NodeLease
  readonly #loop: StatusLoop
  readonly #informer: Informer<Node>
  readonly #listeners = new Set<(node: Node) => void>()
  readonly #watchers = new Set<() => void>()
  #facts: KnownFacts | undefined
  #isNodeIdentity = false
  #hasStarted = false
  #reported: readonly DesiredCondition[] | undefined
  #shutdown: { readonly reason: string; readonly message: string } | undefined

  /** Throws a UserError for options that no node may have. */
  constructor(deps: NodeDependencies, options: NodeOptions) {
    checkLabels(options.labels ?? {})
    const { clock, provider } = deps
    this.#deps = deps
    this.#options = options
    this.#intervals = { ...defaultIntervals, ...options.intervals }
    this.#log = deps.log
    const { statusMs: intervalMs } = this.#intervals
    const shared = { clock, log: this.#log, random: options.random ?? Math.random }
    this.#loop = new StatusLoop((signal) => this.#keeper.pass(signal), { ...shared, intervalMs })
    this.#health = this.#makeHealthCheck(provider, shared)
    this.#describer = this.#makeDescriber(provider, shared)
    this.#writer = new NodeWriter(deps.client, {
      ...shared,
      name: options.name,
      isNodeIdentity: () => this.#isNodeIdentity,
      callTimeoutMs: this.#intervals.callTimeoutMs,
    })
    this.#keeper = this.#makeKeeper(shared)
    this.#lease = this.#makeLease(shared)
    this.#informer = this.#makeInformer()
  }

  /**
   * Resolves when the Node is in the API with its first status, which waits for the backend's first
   * answer. Tries for ever; rejects for what no waiting can mend.
   */
  async start(): Promise<void> {
    const { signal } = this.#stop
    this.#health.start()
    this.#describer.start()
    await untilAborted(Promise.all([this.#health.whenKnown, this.#describer.whenAsked]), signal)
    this.#isNodeIdentity =
      this.#options.isNodeIdentity ??
      (await isNodeIdentity(this.#deps.client, { signal, log: this.#log }))
    await this.#keeper.register(signal)
    this.#record({ type: 'Normal', reason: 'Starting', message: 'Starting virtual-kubelet.' })
    this.#hasStarted = true
    this.#follow()
    this.#lease.start()
    this.#loop.start()
    await untilAborted(this.#loop.flush(), signal)
  }

  /** The Node as last known; undefined before it is registered and while it is gone. */
  get node(): Node | undefined {
    return this.#keeper.node
  }

  /** What is known of the node now, also before it is registered; the same object until it changes. */
  facts(): NodeFacts {
    const { node } = this
    const { description } = this.#describer
    const known = this.#facts
    if (known && known.node === node && known.description === description) return known.facts
    const facts = nodeFacts(this.#desired(), { node, os: this.#options.os })
    this.#facts = { node, description, facts }
    return facts
  }

  /** Resolves once the API server has the node as Ready. */
  async whenReady(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (this.#isReady()) resolve()
    }
    this.#watchers.add(look)
    look()
    const stopped = this.#stop.signal
    try {
      await untilAborted(promise, signal ? AbortSignal.any([signal, stopped]) : stopped)
    } finally {
      this.#watchers.delete(look)
    }
  }

  /** Calls `listener` with each new state of the Node in the API. */
  onChange(listener: (node: Node) => void): Disposable {
    const entry = (node: Node): void => listener(node)
    this.#listeners.add(entry)
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) }
  }

  /**
   * Marks the node not ready and, on demand, deletes it. Its lease is renewed until it is disposed of,
   * so that pods can be drained in between; it may be called again, for example to delete at the end.
   * Never rejects because of the API server: a process that goes does not wait for one that is gone.
   */
  async shutdown(how: NodeShutdown): Promise<void> {
    const { reason = 'KubeletNotReady', message, deleteNode = false } = how
    this.#shutdown = { reason, message }
    if (!this.#hasStarted || this.#stop.signal.aborted) return
    const { clock } = this.#deps
    const { callTimeoutMs: timeoutMs } = this.#intervals
    const limit = { clock, timeoutMs, message: `no answer for ${timeoutMs / 1000}s` }
    try {
      await withDeadline(() => this.#loop.flush(), limit)
      if (deleteNode) await withDeadline((signal) => this.#leave(signal), limit)
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'Cannot tell the API server that the node ends')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new VkError('Unavailable', 'Cannot go on with the node: it has ended'))
    const parts = [this.#informer, this.#loop, this.#lease, this.#describer, this.#health]
    await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()))
    this.#deps.metrics?.nodeReady.remove({ node: this.#options.name })
  }

  async #leave(signal: AbortSignal): Promise<void> {
    if (!(await this.#keeper.leave(signal))) return
    await this.#lease[Symbol.asyncDispose]()
    await this.#writer.deleteLease(signal)
  }

  #makeHealthCheck(provider: NodeDependencies['provider'], shared: Shared): HealthCheck {
    const { pingMs: intervalMs, pingTimeoutMs: timeoutMs } = this.#intervals
    return new HealthCheck((context) => provider.ping(context), {
      ...shared,
      intervalMs,
      timeoutMs,
      onChange: () => this.#loop.wake(),
    })
  }

  #makeDescriber(provider: NodeDependencies['provider'], shared: Shared): NodeDescriber {
    const { statusMs, statusReportMs, pingTimeoutMs: timeoutMs } = this.#intervals
    return new NodeDescriber(provider, {
      ...shared,
      pollMs: statusMs,
      watchedPollMs: statusReportMs,
      timeoutMs,
      onChange: () => this.#loop.wake(),
    })
  }

  #makeKeeper(shared: Shared): NodeKeeper {
    return new NodeKeeper({
      ...shared,
      writer: this.#writer,
      reportMs: this.#intervals.statusReportMs,
      desired: () => this.#desired(),
      mayCreate: () => this.#shutdown === undefined,
      onChange: (node, { isNewUid }) => {
        if (isNewUid && this.#hasStarted) this.#lease.renewNow()
        for (const listener of this.#listeners) listener(node)
        for (const look of this.#watchers) look()
      },
      onReported: ({ status }) => this.#tell(status.conditions),
    })
  }

  #makeLease(shared: Shared): NodeLease {
    const { leaseRenewMs, leaseDurationSeconds, callTimeoutMs } = this.#intervals
    return new NodeLease(this.#deps.client, {
      ...shared,
      nodeName: this.#options.name,
      nodeUid: () => this.#keeper.uid,
      metrics: this.#deps.metrics,
      renewMs: leaseRenewMs,
      durationSeconds: leaseDurationSeconds,
      callTimeoutMs,
      onGone: () => this.#inDoubt(),
    })
  }

  #makeInformer(): Informer<Node> {
    const { client, clock, metrics } = this.#deps
    const informer = new Informer(client, nodes, {
      fieldSelector: `metadata.name=${this.#options.name}`,
      clock,
      log: this.#log,
      ...(metrics ? { metrics } : {}),
    })
    informer.onChange((change) => {
      if (this.#keeper.observe(change)) this.#loop.wake()
    })
    return informer
  }

  // A Node that is deleted before the watch first sees it makes no event.
  #follow(): void {
    this.#informer.start()
    const look = (): void => {
      if (this.#informer.size === 0) this.#inDoubt()
    }
    this.#informer.whenSynced(this.#stop.signal).then(look, () => {
      // It has ended before it saw anything.
    })
  }

  #inDoubt(): void {
    this.#keeper.doubt()
    this.#loop.wake()
  }

  #desired(): DesiredNode {
    const { description, obstacle } = this.#describer
    const obstacles = [
      this.#health.obstacle,
      ...(obstacle === undefined ? descriptionObstacles(description) : [obstacle]),
    ]
    return desiredNode(this.#options, {
      description,
      obstacles: obstacles.filter((text) => text !== undefined),
      shutdown: this.#shutdown,
    })
  }

  #tell(after: readonly DesiredCondition[]): void {
    const { name } = this.#options
    for (const event of conditionEvents(name, { before: this.#reported, after })) {
      this.#record(event)
      const ready = after.at(-1)
      this.#log.info({ reason: ready?.message }, event.message)
    }
    this.#reported = after
    for (const look of this.#watchers) look()
    this.#deps.metrics?.nodeReady.set({ node: name }, after.at(-1)?.status === 'True' ? 1 : 0)
  }

  // Without a namespace, as events about nodes are: the recorder puts them into `default`.
  #record(event: RecordedEvent): void {
    const { name } = this.#options
    const uid = this.#keeper.uid ?? name
    this.#deps.recorder.record({ apiVersion: 'v1', kind: 'Node', name, uid }, event)
  }

  // A Node taken over may still be called ready by an earlier process: our own word is needed too.
  #isReady(): boolean {
    const conditions = this.node?.status?.conditions ?? []
    const isStoredReady = conditions.some((c) => c.type === 'Ready' && c.status === 'True')
    return isStoredReady && this.#reported?.at(-1)?.status === 'True'
  }
}

interface KnownFacts {
  readonly node: Node | undefined
  readonly description: NodeDescription | undefined
  readonly facts: NodeFacts
}

interface Shared {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}
