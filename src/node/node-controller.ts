// SPDX-License-Identifier: Apache-2.0
// The life of one Node: registered once the backend has first answered, kept right by a loop that
// compares it with what the API server has, made anew when somebody deletes it, marked not ready when
// the process goes. The parts that decide are pure (node-object, node-merge); this one holds the state.
// Several controllers live in one process without knowing of each other.
import type { RecordedEvent } from '../kube/event-recorder.ts'
import type { Node } from '../kube/types.gen.ts'
import type { NodeDescription } from '../provider/provider.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { messageOf, VkError } from '../util/vk-error.ts'
import { withDeadline } from '../util/deadline.ts'
import { conditionEvents } from './node-conditions.ts'
import type { DesiredCondition } from './node-conditions.ts'
import { nodeFacts } from './node-facts.ts'
import type { NodeFacts } from './node-facts.ts'
import { isNodeIdentity } from './node-identity.ts'
import { checkLabels } from './node-labels.ts'
import { descriptionObstacles, desiredNode } from './node-object.ts'
import type { DesiredNode } from './node-object.ts'
import type { NodeDependencies, NodeOptions } from './node-options.ts'
import { makeNodeParts } from './node-parts.ts'
import type { NodeParts } from './node-parts.ts'

/** How a node goes down. */
export interface NodeShutdown {
  /** Reason of condition Ready; default KubeletNotReady. */
  readonly reason?: string
  readonly message: string
  /** Deletes the Node as well; its pods are then the garbage collector's. */
  readonly deleteNode?: boolean
  /** Its pods are still to be ended: the node stays ours until it is shut down once more without this. */
  readonly isDraining?: boolean
}

/** Registers a Node and keeps it alive until disposed of. */
export class NodeController implements AsyncDisposable {
  readonly #deps: NodeDependencies
  readonly #options: NodeOptions
  readonly #parts: NodeParts
  readonly #stop = new AbortController()
  readonly #listeners = new Set<(node: Node) => void>()
  readonly #watchers = new Set<() => void>()
  #facts: KnownFacts | undefined
  #isNodeIdentity = false
  #hasStarted = false
  #reported: readonly DesiredCondition[] | undefined
  #hasLeft = false
  #shutdown: { readonly reason: string; readonly message: string } | undefined

  /** Throws a UserError for options that no node may have. */
  constructor(deps: NodeDependencies, options: NodeOptions) {
    checkLabels(options.labels ?? {})
    this.#deps = deps
    this.#options = options
    const hooks = {
      isNodeIdentity: () => this.#isNodeIdentity,
      desired: () => this.#desired(),
      mayHaveTwin: () => !this.#hasStarted,
      mayCreate: () => this.#shutdown === undefined,
      onChange: (node: Node, { isNewUid }: { isNewUid: boolean }) => {
        if (isNewUid && this.#hasStarted) this.#parts.lease.renewNow()
        for (const listener of this.#listeners) listener(node)
        for (const look of this.#watchers) look()
      },
      onReported: ({ status }: DesiredNode) => this.#tell(status.conditions),
    }
    this.#parts = makeNodeParts(deps, { options, hooks })
  }

  /**
   * Resolves when the Node is in the API with its first status, which waits for the backend's first
   * answer. Tries for ever; rejects for what no waiting can mend.
   */
  async start(): Promise<void> {
    const { signal } = this.#stop
    const { health, describer, keeper, lease, loop } = this.#parts
    health.start()
    describer.start()
    await untilAborted(Promise.all([health.whenKnown, describer.whenAsked]), signal)
    this.#isNodeIdentity =
      this.#options.isNodeIdentity ??
      (await isNodeIdentity(this.#deps.client, { signal, log: this.#deps.log }))
    await keeper.register(signal)
    this.recordEvent({ type: 'Normal', reason: 'Starting', message: 'Starting virtual-kubelet.' })
    this.#hasStarted = true
    this.#follow()
    lease.start()
    loop.start()
    await untilAborted(loop.flush(), signal)
  }

  /** The Node as last known; undefined before it is registered and while it is gone. */
  get node(): Node | undefined {
    return this.#parts.keeper.node
  }

  /** What is known of the node now, also before it is registered; the same object until it changes. */
  facts(): NodeFacts {
    const { node } = this
    const { description } = this.#parts.describer
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
    const { reason = 'KubeletNotReady', message, deleteNode = false, isDraining = false } = how
    this.#shutdown = { reason, message }
    this.#hasLeft = !isDraining
    if (!this.#hasStarted || this.#stop.signal.aborted) return
    const { clock, log } = this.#deps
    const { loop, intervals } = this.#parts
    const { callTimeoutMs: timeoutMs } = intervals
    const limit = { clock, timeoutMs, message: `no answer for ${timeoutMs / 1000}s` }
    try {
      await withDeadline(() => loop.flush(), limit)
      if (deleteNode) await withDeadline((signal) => this.#leave(signal), limit)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'Cannot tell the API server that the node ends')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new VkError('Unavailable', 'Cannot go on with the node: it has ended'))
    const { informer, loop, lease, describer, health } = this.#parts
    const running = [informer, loop, lease, describer, health]
    await Promise.all(running.map((part) => part[Symbol.asyncDispose]()))
    this.#deps.metrics?.nodeReady.remove({ node: this.#options.name })
  }

  async #leave(signal: AbortSignal): Promise<void> {
    const { keeper, lease, writer } = this.#parts
    if (!(await keeper.leave(signal))) return
    await lease[Symbol.asyncDispose]()
    await writer.deleteLease(signal)
  }

  // A Node that is deleted before the watch first sees it makes no event.
  #follow(): void {
    const { informer, keeper, loop } = this.#parts
    informer.start()
    const look = (): void => {
      if (informer.size > 0) return
      keeper.doubt()
      loop.wake()
    }
    informer.whenSynced(this.#stop.signal).then(look, () => {
      // It has ended before it saw anything.
    })
  }

  #desired(): DesiredNode {
    const { describer, health } = this.#parts
    const { description, obstacle } = describer
    const obstacles = [
      health.obstacle,
      ...(obstacle === undefined ? descriptionObstacles(description) : [obstacle]),
    ]
    return desiredNode(this.#options, {
      description,
      obstacles: obstacles.filter((text) => text !== undefined),
      shutdown: this.#shutdown,
      instanceId: this.#hasLeft ? undefined : this.#options.instanceId,
    })
  }

  #tell(after: readonly DesiredCondition[]): void {
    const { name } = this.#options
    for (const event of conditionEvents(name, { before: this.#reported, after })) {
      this.recordEvent(event)
      const ready = after.at(-1)
      this.#deps.log.info({ reason: ready?.message }, event.message)
    }
    this.#reported = after
    for (const look of this.#watchers) look()
    this.#deps.metrics?.nodeReady.set({ node: name }, after.at(-1)?.status === 'True' ? 1 : 0)
  }

  /** Records an event about the Node: without a namespace; the recorder puts it into `default`. */
  recordEvent(event: RecordedEvent): void {
    const { name } = this.#options
    const uid = this.#parts.keeper.uid ?? name
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
