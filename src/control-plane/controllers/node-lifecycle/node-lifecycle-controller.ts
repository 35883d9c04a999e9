// SPDX-License-Identifier: Apache-2.0
// Watches over nodes: notices those that have fallen silent, says so in their conditions, taints and
// events, and marks their pods as not ready. Taints follow a changed condition at once; silence is
// looked for every few seconds.
import { leases, nodes, pods } from '../../../kube/resources.ts'
import type { Node, Pod } from '../../../kube/types.gen.ts'
import { WorkQueue } from '../../../kube/work-queue.ts'
import type { ControllerContext, ObjectChange } from '../cluster-api.ts'
import { startPeriodic } from '../pod-gc/periodic.ts'
import { changePodStatus, withPodCondition } from '../scheduler/pod-conditions.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'
import { conditionOf } from '../workload/status-fields.ts'
import { judgeHealth } from './node-health.ts'
import type { HealthOptions, NodeHealth } from './node-health.ts'
import { needsEvictionTaint, taintsFor } from './node-taints.ts'
import type { EvictionMode } from './node-taints.ts'
import { PodsByNode } from './pods-by-node.ts'
import { disruptionOf, zoneOf } from './zone-disruption.ts'
import type { Disruption } from './zone-disruption.ts'

export interface NodeLifecycleOptions extends Partial<HealthOptions> {
  /** How often silence is looked for; default 5 s. */
  readonly periodMs?: number
}

const leaseNamespace = 'kube-node-lease'
const backoff = { baseMs: 20, factor: 2, capMs: 60_000, jitter: 0.25 }

/** Starts the node lifecycle controller. Defaults: 50 s of silence, 60 s for a node that never reported. */
export function startNodeLifecycleController(
  context: ControllerContext,
  options: NodeLifecycleOptions = {},
): AsyncDisposable {
  return new NodeLifecycle(context, options)
}

class NodeLifecycle implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #options: HealthOptions
  readonly #queue: WorkQueue
  readonly #podsByNode: PodsByNode
  readonly #stack = new AsyncDisposableStack()
  readonly #health = new Map<string, NodeHealth>()
  readonly #known = new Map<string, Node>()
  /** Nodes whose pods have to be marked as not ready, as soon as that succeeds. */
  readonly #toMark = new Set<string>()
  /** When the next node of a zone may be given up. */
  readonly #nextEvictionMs = new Map<string, number>()
  #disruption: Disruption

  constructor(context: ControllerContext, options: NodeLifecycleOptions) {
    this.#context = context
    const { graceMs = 50_000, startupGraceMs = 60_000, periodMs = 5000 } = options
    this.#options = { graceMs, startupGraceMs }
    const { api, clock, log } = context
    const name = 'node-lifecycle'
    this.#queue = this.#stack.use(
      new WorkQueue((key) => this.#work(key), { name, concurrency: 8, clock, log, backoff }),
    )
    this.#podsByNode = this.#stack.use(new PodsByNode(api))
    this.#disruption = disruptionOf(api.list(nodes))
    this.#stack.use(api.onChange(nodes, (change) => this.#onNode(change)))
    this.#stack.use(api.onChange(pods, (change) => this.#onPod(change)))
    for (const node of api.list(nodes)) this.#register(node)
    this.#queue.start()
    this.#stack.use(startPeriodic(context, { name, periodMs }, () => this.#lookForSilence()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  #onNode({ current, previous }: ObjectChange<Node>): void {
    if (previous && previous.metadata.uid !== current?.metadata.uid) this.#remove(previous)
    if (current) this.#register(current)
    const wasTotal = this.#disruption.isTotal
    this.#disruption = disruptionOf(this.#context.api.list(nodes))
    if (wasTotal !== this.#disruption.isTotal) this.#onDisruption()
  }

  // Nothing is ready any more, or something is again: all nodes are looked at anew, and after a time in
  // which nothing could be heard all of them get their whole grace.
  #onDisruption(): void {
    const nowMs = this.#context.clock.nowMs()
    for (const [name, health] of this.#health) {
      if (!this.#disruption.isTotal) this.#health.set(name, { ...health, probeMs: nowMs })
    }
    for (const { metadata } of this.#known.values()) this.#queue.add(metadata.name)
  }

  #register(node: Node): void {
    const { name } = node.metadata
    if (!this.#known.has(name)) {
      this.#tell(
        node,
        'RegisteredNode',
        `Node ${name} event: Registered Node ${name} in Controller`,
      )
    }
    this.#known.set(name, node)
    this.#queue.add(name)
  }

  #remove(node: Node): void {
    const { name } = node.metadata
    this.#known.delete(name)
    this.#health.delete(name)
    this.#toMark.delete(name)
    this.#tell(node, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`)
  }

  #tell(node: Node, reason: string, message: string): void {
    const about = { ...node, apiVersion: nodes.apiVersion, kind: nodes.kind }
    this.#context.api.recordEvent(about, { type: 'Normal', reason, message })
  }

  // A pod that lands on a node which is not ready is not ready either.
  #onPod({ current, previous }: ObjectChange<Pod>): void {
    const nodeName = current?.spec.nodeName ?? ''
    if (nodeName === '' || nodeName === previous?.spec.nodeName) return
    const node = this.#context.api.get(nodes, { name: nodeName })
    if (!node || !isNotReady(node)) return
    this.#toMark.add(nodeName)
    this.#queue.add(nodeName)
  }

  async #lookForSilence(): Promise<void> {
    const { api, clock } = this.#context
    for (const node of api.list(nodes)) {
      const { name } = node.metadata
      const lease = api.get(leases, { namespace: leaseNamespace, name })
      const now = { ...this.#options, nowMs: clock.nowMs() }
      const verdict = judgeHealth({ node, lease }, this.#health.get(name), now)
      this.#health.set(name, verdict.health)
      if (verdict.conditions || needsEvictionTaint(node)) this.#queue.add(name)
    }
    await Promise.resolve()
  }

  async #work(name: string): Promise<void | { readonly requeueAfterMs: number }> {
    try {
      return await this.#reconcile(name)
    } catch (error) {
      if (isNotFound(error)) return
      if (isConflict(error)) return { requeueAfterMs: 2 }
      throw error
    }
  }

  async #reconcile(name: string): Promise<void | { readonly requeueAfterMs: number }> {
    const { api, clock } = this.#context
    let node = api.get(nodes, { name })
    if (!node) return
    const lease = api.get(leases, { namespace: leaseNamespace, name })
    const now = { ...this.#options, nowMs: clock.nowMs() }
    const { health, conditions } = judgeHealth({ node, lease }, this.#health.get(name), now)
    this.#health.set(name, health)
    if (conditions) {
      const wasReady = isReady(node)
      node = await api.updateStatus(nodes, { ...node, status: { ...node.status, conditions } })
      if (wasReady) {
        this.#tell(node, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
        this.#toMark.add(name)
      }
    }
    const mode = this.#evictionMode(node)
    const taints = taintsFor(node, { mode, nowMs: clock.nowMs() })
    if (taints) {
      const { resourceVersion } = node.metadata
      const spec = { taints: taints.length > 0 ? taints : null }
      node = await api.patch(nodes, { name }, { metadata: { resourceVersion }, spec })
    }
    await this.#keepLabels(node)
    if (this.#toMark.has(name)) {
      if (isNotReady(node)) await this.#markPodsNotReady(node)
      this.#toMark.delete(name)
    }
    return needsEvictionTaint(node) ? this.#nextTry(node) : undefined
  }

  #evictionMode(node: Node): EvictionMode {
    if (this.#disruption.isTotal) return 'none'
    if (!needsEvictionTaint(node)) return 'hold'
    const periodMs = this.#disruption.periodMsOf(node)
    const nowMs = this.#context.clock.monotonicMs()
    const zone = zoneOf(node)
    if (periodMs === Infinity || nowMs < (this.#nextEvictionMs.get(zone) ?? -Infinity))
      return 'hold'
    this.#nextEvictionMs.set(zone, nowMs + periodMs)
    return 'evict'
  }

  #nextTry(node: Node): { readonly requeueAfterMs: number } | undefined {
    const dueMs = this.#nextEvictionMs.get(zoneOf(node))
    if (this.#disruption.isTotal || dueMs === undefined) return undefined
    return { requeueAfterMs: Math.max(dueMs - this.#context.clock.monotonicMs(), 100) }
  }

  // Old programs still select by the labels from before these were stable.
  async #keepLabels({ metadata: { name, labels = {} } }: Node): Promise<void> {
    const wanted = Object.fromEntries(
      ['os', 'arch']
        .map((what) => [`beta.kubernetes.io/${what}`, labels[`kubernetes.io/${what}`]] as const)
        .filter(([key, value]) => value !== undefined && labels[key] !== value),
    )
    if (Object.keys(wanted).length === 0) return
    await this.#context.api.patch(nodes, { name }, { metadata: { labels: wanted } })
  }

  async #markPodsNotReady(node: Node): Promise<void> {
    const { api, clock } = this.#context
    for (const pod of this.#podsByNode.on(node.metadata.name)) {
      const ready = conditionOf(pod.status?.conditions, 'Ready')
      if (ready?.status !== 'True') continue
      const { namespace, name, uid } = pod.metadata
      await changePodStatus(api, { namespace, name, uid }, (status) => {
        const now = conditionOf(status?.conditions, 'Ready')
        return now ? withPodCondition(status, { ...now, status: 'False' }, clock.nowMs()) : status
      })
      const about = { ...pod, apiVersion: pods.apiVersion, kind: pods.kind }
      const message = 'Node is not ready'
      api.recordEvent(about, { type: 'Warning', reason: 'NodeNotReady', message })
    }
  }
}

function isReady({ status }: Node): boolean {
  return conditionOf(status?.conditions, 'Ready')?.status === 'True'
}

function isNotReady(node: Node): boolean {
  return conditionOf(node.status?.conditions, 'Ready') !== undefined && !isReady(node)
}
