// SPDX-License-Identifier: Apache-2.0
// The requests that make the Node object right: create or adopt, patch, delete. Each is level-driven
// and may be repeated; a lost reply costs one request more.
import { isConflict, isNotFound, isRefused } from '../kube/api-error.ts'
import type { KubeClient, Unsaved } from '../kube/kube-client.ts'
import { leases, nodes } from '../kube/resources.ts'
import type { Node } from '../kube/types.gen.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf, UserError } from '../util/vk-error.ts'
import { withDeadline } from '../util/deadline.ts'
import { leaseNamespace } from './node-lease.ts'
import { hasTaintDrift, objectPatch, statusPatch } from './node-merge.ts'
import type { PatchBody } from './node-merge.ts'
import type { DesiredNode } from './node-object.ts'
import { ownedAnnotation, ownedBy } from './owned-fields.ts'
import { wireTime } from '../util/wire-time.ts'

export interface NodeWriterOptions {
  readonly name: string
  /** Do we speak as `system:node:<name>`? */
  readonly isNodeIdentity: () => boolean
  readonly clock: Clock
  readonly log: Logger
  /** Asked before a Node that is there already is taken over; rejects when that must not be. */
  readonly beforeAdoption: (node: Node, signal: AbortSignal) => Promise<void>
  readonly callTimeoutMs: number
  readonly random: () => number
}

/** What one look at the Node came to. */
export interface WriteResult {
  /** As the API server has it now. */
  readonly node: Node
  /** `none`: nothing had to be written. */
  readonly wrote: 'none' | 'heartbeat' | 'change'
}

interface Aim {
  readonly desired: DesiredNode
  readonly signal: AbortSignal
}

const tries = 5
const retries = { baseMs: 100, factor: 2, capMs: 7000, jitter: 0.2 }

/** Writes one Node with one identity. */
export class NodeWriter {
  readonly #client: KubeClient
  readonly #options: NodeWriterOptions
  #lastRefusal = ''

  constructor(client: KubeClient, options: NodeWriterOptions) {
    this.#client = client
    this.#options = options
  }

  /** Creates the Node, or finds the one that is there and may be ours; its status is written later. */
  async register(desired: DesiredNode, signal: AbortSignal): Promise<Node> {
    const { log, clock } = this.#options
    try {
      const object = newNode(desired, clock.nowMs())
      const node = await this.#call(signal, (call) => this.#client.create(nodes, object, call))
      log.info({ uid: node.metadata.uid }, 'Node created')
      return node
    } catch (error) {
      if (!isConflict(error)) throw error
    }
    const node = await this.#get(signal)
    refuseOtherKubelet(node)
    await this.#options.beforeAdoption(node, signal)
    log.info({ uid: node.metadata.uid }, 'Node found, taking it over')
    if (this.#options.isNodeIdentity() && hasTaintDrift(node, desired)) {
      log.warn(
        {},
        'The node has other taints than configured, and its own identity cannot change them',
      )
    }
    return node
  }

  /**
   * Brings the Node to what is desired. `known` is trusted once; after a failure the API server is
   * asked. Without a change the status is written only if a heartbeat is due. Rejects with NotFound
   * when the Node is gone.
   */
  async write(
    desired: DesiredNode,
    options: {
      readonly known: Node | undefined
      readonly isHeartbeatDue: boolean
      readonly signal: AbortSignal
    },
  ): Promise<WriteResult> {
    const { clock, random } = this.#options
    const { known, isHeartbeatDue, signal } = options
    for (let failures = 0; ;) {
      try {
        const live = failures === 0 && known ? known : await this.#get(signal)
        const current = await this.#patchObject(live, { desired, signal })
        return await this.#patchStatus(current, { desired, isHeartbeatDue, signal })
      } catch (error) {
        failures++
        if (signal.aborted || isNotFound(error) || failures === tries) throw error
        await clock.sleep(backoffMs(failures, retries, random), { signal })
      }
    }
  }

  /** Does the Node differ from what is desired, times apart? What was refused before does not count. */
  isWriteNeeded(live: Node, desired: DesiredNode): boolean {
    if (statusPatch(live, desired, this.#options.clock.nowMs()).isChange) return true
    return this.#lastRefusal === '' && this.#objectPatch(live, desired) !== undefined
  }

  /** Deletes the Node; false when this identity may not, which is then said in the log. */
  async deleteNode(node: Node, signal: AbortSignal): Promise<boolean> {
    const { name, log } = this.#options
    const preconditions = { uid: node.metadata.uid }
    try {
      await this.#call(signal, (call) =>
        this.#client.delete(nodes, { name }, { ...call, preconditions }),
      )
      log.info({}, 'Node deleted')
    } catch (error) {
      if (isRefused(error)) {
        const hint = `kubectl delete node ${name}`
        log.warn({ hint }, 'Node left in place: this identity may not delete nodes')
        return false
      }
      if (!isNotFound(error)) throw error
    }
    return true
  }

  /** Deletes the lease of a deleted Node: its garbage collection may be long in coming. */
  async deleteLease(signal: AbortSignal): Promise<void> {
    const at = { namespace: leaseNamespace, name: this.#options.name }
    try {
      await this.#call(signal, (call) => this.#client.delete(leases, at, call))
    } catch (error) {
      this.#options.log.debug({ error: messageOf(error) }, 'Lease left in place')
    }
  }

  async #patchObject(live: Node, { desired, signal }: Aim): Promise<Node> {
    const { name, log } = this.#options
    const body = this.#objectPatch(live, desired)
    if (body === undefined) return live
    const patch = { type: 'merge', body } as const
    try {
      const node = await this.#call(signal, (call) =>
        this.#client.patch(nodes, { name }, patch, call),
      )
      this.#lastRefusal = ''
      return node
    } catch (error) {
      if (isConflict(error) || isNotFound(error) || signal.aborted) throw error
      // A label that is refused must not keep the node from being ready.
      const refusal = messageOf(error)
      if (refusal !== this.#lastRefusal)
        log.warn({ error: refusal }, 'Cannot update the node object')
      this.#lastRefusal = refusal
      return live
    }
  }

  #objectPatch(live: Node, desired: DesiredNode): PatchBody | undefined {
    return objectPatch(live, desired, { isNodeIdentity: this.#options.isNodeIdentity() })
  }

  async #patchStatus(
    live: Node,
    { desired, isHeartbeatDue, signal }: Aim & { readonly isHeartbeatDue: boolean },
  ): Promise<WriteResult> {
    const { name, clock } = this.#options
    const { body, isChange } = statusPatch(live, desired, clock.nowMs())
    if (!isChange && !isHeartbeatDue) return { node: live, wrote: 'none' }
    const patch = { type: 'strategic', body, subresource: 'status' } as const
    const node = await this.#call(signal, (call) =>
      this.#client.patch(nodes, { name }, patch, call),
    )
    return { node, wrote: isChange ? 'change' : 'heartbeat' }
  }

  async #get(signal: AbortSignal): Promise<Node> {
    const { name } = this.#options
    return await this.#call(signal, (call) => this.#client.get(nodes, { name }, call))
  }

  async #call<T>(
    signal: AbortSignal,
    request: (call: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const { clock, callTimeoutMs: timeoutMs, name } = this.#options
    const message = `Cannot write node "${name}": no answer for ${timeoutMs / 1000}s`
    return await withDeadline((ended) => request({ signal: ended, timeoutMs }), {
      clock,
      timeoutMs,
      signal,
      message,
    })
  }
}

/** The Node as it is created: with its status, so that it can be ready at once. */
export function newNode(desired: DesiredNode, nowMs: number): Unsaved<Node> {
  const { name, labels, annotations, taints, providerID, status } = desired
  const now = wireTime(nowMs)
  const times = { lastHeartbeatTime: now, lastTransitionTime: now }
  return {
    apiVersion: nodes.apiVersion,
    kind: nodes.kind,
    metadata: {
      name,
      labels,
      annotations: { ...annotations, [ownedAnnotation]: JSON.stringify(ownedBy(desired)) },
    },
    spec: { taints, ...(providerID === undefined ? {} : { providerID }) },
    status: {
      ...status,
      conditions: status.conditions.map((condition) => ({ ...condition, ...times })),
    },
  }
}

// To take the name of a machine's own kubelet would start its pods a second time.
function refuseOtherKubelet({ metadata: { name, labels = {} }, status }: Node): void {
  const version = status?.nodeInfo?.kubeletVersion ?? ''
  if (version === '' || version.includes('vk') || labels['type'] === 'virtual-kubelet') return
  throw new UserError(
    `Cannot register node "${name}": a node of that name is run by another kubelet (${version})`,
    { hint: 'Choose another --nodename, or delete that Node.' },
  )
}
