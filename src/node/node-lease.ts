// SPDX-License-Identifier: Apache-2.0
// The node's lease: the cheap heartbeat by which the control plane knows that this process lives. It is
// renewed whatever the backend does and while pods are drained, one request at a time.
// renewTime only ever grows, also when the clock goes back: the control plane looks for a later one.
import { isConflict, isNotFound } from '../kube/api-error.ts'
import type { KubeClient, Unsaved } from '../kube/kube-client.ts'
import { leases } from '../kube/resources.ts'
import type { Lease, OwnerReference } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { runLoop } from '../util/run-loop.ts'
import { codeOf, messageOf, VkError } from '../util/vk-error.ts'
import { Alarm } from './alarm.ts'
import { withDeadline } from '../util/deadline.ts'
import { wireMicroTime, parseWireMicroTime } from '../util/wire-time.ts'

/** Where node leases live. */
export const leaseNamespace = 'kube-node-lease'

export interface NodeLeaseOptions {
  readonly nodeName: string
  /** uid of the Node as it is now: it owns the lease. */
  readonly nodeUid: () => string | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics | undefined
  readonly renewMs: number
  readonly durationSeconds: number
  readonly callTimeoutMs: number
  readonly random: () => number
  /** The lease has vanished, which is what happens when the Node was deleted. */
  readonly onGone?: () => void
}

const immediateRetries = 5
const retries = { baseMs: 200, factor: 2, capMs: 7000, jitter: 0.2 }

/** Keeps one node's lease from `start` until it is disposed of. */
export class NodeLease implements AsyncDisposable {
  readonly #client: KubeClient
  readonly #options: NodeLeaseOptions
  readonly #alarm: Alarm
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined
  /** As the API server last gave it to us. */
  #lease: Lease | undefined
  #lastMicros = 0
  #hasRenewed = false
  #failures = 0

  constructor(client: KubeClient, options: NodeLeaseOptions) {
    this.#client = client
    this.#options = options
    this.#alarm = new Alarm(options.clock)
  }

  start(): void {
    const { clock, log } = this.#options
    const context = { clock, log, signal: this.#stop.signal }
    this.#loop ??= runLoop('node-lease', () => this.#turn(), context)
  }

  /** Renews now and not only when it is time, for example because the Node has a new uid. */
  renewNow(): void {
    this.#alarm.ring()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new VkError('Unavailable', 'Cannot renew the lease: the node has ended'))
    await this.#loop
  }

  async #turn(): Promise<void> {
    const { clock, metrics, nodeName } = this.#options
    const startMs = clock.monotonicMs()
    let pauseMs: number
    try {
      await this.#renew()
      metrics?.leaseRenewals.inc({ node: nodeName, outcome: 'ok' })
      this.#succeeded()
      pauseMs = this.#nextGapMs() - (clock.monotonicMs() - startMs)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      metrics?.leaseRenewals.inc({ node: nodeName, outcome: codeOf(error) })
      pauseMs = this.#failed(error)
    }
    await this.#alarm.sleep(Math.max(0, pauseMs), this.#stop.signal)
  }

  // The first gap is random, so that a thousand nodes of one process do not renew together.
  #nextGapMs(): number {
    const { renewMs, random } = this.#options
    if (this.#hasRenewed) return renewMs * (1 - 0.04 * random())
    this.#hasRenewed = true
    return renewMs * random()
  }

  async #renew(): Promise<void> {
    const lease = this.#lease ?? (await this.#read())
    // Until the answer is there we do not know what the API server has.
    this.#lease = undefined
    const renewed = lease && (await this.#replace(lease))
    this.#lease =
      renewed ?? (await this.#call((call) => this.#client.create(leases, this.#fresh(), call)))
  }

  async #replace(lease: Lease): Promise<Lease | undefined> {
    try {
      return await this.#call((call) => this.#client.replace(leases, this.#renewed(lease), call))
    } catch (error) {
      if (!isNotFound(error)) throw error
      this.#options.onGone?.()
      return undefined
    }
  }

  async #read(): Promise<Lease | undefined> {
    const at = { namespace: leaseNamespace, name: this.#options.nodeName }
    try {
      return await this.#call((call) => this.#client.get(leases, at, call))
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async #call<T>(
    request: (call: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const { clock, callTimeoutMs } = this.#options
    return await withDeadline((signal) => request({ signal, timeoutMs: callTimeoutMs }), {
      clock,
      timeoutMs: callTimeoutMs,
      signal: this.#stop.signal,
      message: `Cannot renew the node's lease: no answer for ${callTimeoutMs / 1000}s`,
    })
  }

  #fresh(): Unsaved<Lease> {
    const { nodeName } = this.#options
    return {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: {
        name: nodeName,
        namespace: leaseNamespace,
        ownerReferences: this.#owners([]),
      },
      spec: this.#spec(undefined),
    }
  }

  #renewed(lease: Lease): Lease {
    const ownerReferences = this.#owners(lease.metadata.ownerReferences ?? [])
    return {
      ...lease,
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: { ...lease.metadata, ownerReferences },
      spec: this.#spec(lease),
    }
  }

  #spec(lease: Lease | undefined): Lease['spec'] {
    const { nodeName, durationSeconds, clock } = this.#options
    const stored = parseWireMicroTime(lease?.spec.renewTime ?? '') ?? 0
    const lastMicros = Math.max(this.#lastMicros, stored)
    this.#lastMicros = Math.max(Math.floor(clock.nowMs() * 1000), lastMicros + 1)
    return {
      ...lease?.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds: durationSeconds,
      renewTime: wireMicroTime(this.#lastMicros),
    }
  }

  // With the uid of a Node that is gone, the garbage collector would take the lease away.
  #owners(present: readonly OwnerReference[]): readonly OwnerReference[] {
    const { nodeName: name, nodeUid } = this.#options
    const uid = nodeUid()
    if (uid === undefined) return present
    const others = present.filter((owner) => owner.kind !== 'Node' || owner.apiVersion !== 'v1')
    return [...others, { apiVersion: 'v1', kind: 'Node', name, uid }]
  }

  #succeeded(): void {
    const { log } = this.#options
    if (this.#failures > 1) log.info({ failures: this.#failures }, 'Node lease is renewed again')
    this.#failures = 0
  }

  // One failure is a conflict or a hiccup; what goes on is told, and told again now and then.
  #failed(error: unknown): number {
    const { log, random } = this.#options
    this.#failures++
    const isWorthTelling = this.#failures === 2 || this.#failures % 50 === 0
    log[isWorthTelling ? 'warn' : 'debug'](
      { error: messageOf(error), failures: this.#failures },
      'Cannot renew the node lease yet',
    )
    // Somebody wrote it meanwhile, perhaps we ourselves with a reply that was lost: read it again.
    if (isConflict(error) && this.#failures <= immediateRetries) return 0
    const wishMs = error instanceof VkError ? (error.retryAfterMs ?? 0) : 0
    return Math.max(wishMs, backoffMs(this.#failures, retries, random))
  }
}
