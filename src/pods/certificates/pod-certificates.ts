// SPDX-License-Identifier: Apache-2.0
// Certificates of pods for projected volumes: a key of the node's making, a PodCertificateRequest that some
// signer of the cluster answers, and a new pair of both when the signer said that it is time. Keys are kept in
// memory only: after a restart of ours each pod has a new pair, as with a kubelet.
import { isNotFound } from '../../kube/api-error.ts'
import type { RecordedEvent } from '../../kube/event-recorder.ts'
import type { KubeClient } from '../../kube/kube-client.ts'
import { nodes, serviceAccounts } from '../../kube/resources.ts'
import type { Pod, PodCertificateProjection } from '../../kube/types.gen.ts'
import { backoffMs } from '../../util/backoff.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
import { parseWireTime } from '../../util/wire-time.ts'
import { sourceError } from '../volume-objects.ts'
import { makeProvenKey } from './key-proof.ts'
import {
  certificateChain,
  newRequest,
  podCertificateRequests,
  verdictOf,
} from './certificate-request.ts'

/** Which source of which volume. */
export interface CertificatePlace {
  readonly volume: string
  readonly index: number
  readonly projection: PodCertificateProjection
}

/** What the files of the volume hold, PEM, and when they should be asked for again. */
export interface PodCertificate {
  readonly key: string
  readonly chain: string
  readonly refreshAtMs: number
}

export interface PodCertificatesOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly nodeName: string
  readonly record: (pod: Pod, event: RecordedEvent) => void
  /** 0 up to 1. Default: Math.random. */
  readonly random?: () => number
}

interface Pending {
  readonly key: string
  readonly name: string
}

interface Issued {
  readonly key: string
  readonly chain: string
  readonly beginRefreshAtMs: number
  readonly notAfterMs: number
}

/** What is known of one source of one volume. */
interface Entry {
  issued?: Issued
  pending?: Pending | undefined
  /** The signer has said no, for good. */
  refusal?: string
  /** Renewals that failed, one after the other. */
  failures: number
  /** None is tried before this. */
  retryAtMs: number
  readonly told: Set<string>
}

/** A first certificate is waited for so long at a time; signers are controllers, and quick ones. */
const waitMs = 5000
const lookEveryMs = 250
/** While the old one serves there is time. */
const renewalLookMs = 15_000
const renewalBackoff = { baseMs: renewalLookMs, factor: 2, capMs: 5 * 60_000, jitter: 0.1 }
const jitterMs = 5 * 60_000
const overdueMs = 10 * 60_000

/** Asks for, waits for and keeps the certificates of one node's pods. */
export class PodCertificates {
  readonly #options: PodCertificatesOptions
  readonly #byPod = new Map<string, Map<string, Entry>>()
  readonly #turns = new Map<Entry, Promise<unknown>>()

  constructor(options: PodCertificatesOptions) {
    this.#options = options
  }

  /** The newest pair; rejects with a VkError while there is none, and is then called again. */
  async certificateFor(
    pod: Pod,
    place: CertificatePlace,
    signal?: AbortSignal,
  ): Promise<PodCertificate> {
    const entry = this.#entryOf(pod, place)
    // Two who ask at once share one request.
    const turn = this.#turns.get(entry) ?? this.#turn(entry, { pod, place, signal })
    this.#turns.set(entry, turn)
    try {
      await turn
    } finally {
      if (this.#turns.get(entry) === turn) this.#turns.delete(entry)
    }
    const { issued, refusal } = entry
    if (refusal !== undefined) throw sourceError(refusal)
    if (!issued) throw sourceError('credential bundle is not issued yet')
    const { key, chain, beginRefreshAtMs } = issued
    const nextMs = Math.max(this.#options.clock.nowMs() + renewalLookMs, entry.retryAtMs)
    return { key, chain, refreshAtMs: Math.max(beginRefreshAtMs, nextMs) }
  }

  /** Drops the keys of a pod that is gone. */
  release(uid: string): void {
    this.#byPod.delete(uid)
  }

  #entryOf({ metadata: { uid } }: Pod, { volume, index }: CertificatePlace): Entry {
    const ofPod = this.#byPod.get(uid) ?? new Map<string, Entry>()
    this.#byPod.set(uid, ofPod)
    const id = `${volume}/${index}`
    const entry = ofPod.get(id) ?? { told: new Set(), failures: 0, retryAtMs: 0 }
    ofPod.set(id, entry)
    return entry
  }

  /** While the next pair cannot be had, and this is told and tried again, the old one serves. */
  async #turn(entry: Entry, advance: Advance): Promise<void> {
    const { issued } = entry
    if (entry.refusal !== undefined) return
    if (!issued) return await this.#advance(entry, advance)
    const nowMs = this.#options.clock.nowMs()
    if (nowMs < issued.beginRefreshAtMs) return
    this.#tellOfAge(entry, issued, advance.pod)
    if (nowMs < entry.retryAtMs) return
    try {
      await this.#advance(entry, advance)
      entry.failures = 0
    } catch (error) {
      if (!advance.signal?.aborted) this.#renewalFailed(entry, { ...advance, error })
    }
  }

  #renewalFailed(
    entry: Entry,
    { pod, place: { volume }, error }: Advance & { readonly error: unknown },
  ): void {
    const { clock, log, record, random = Math.random } = this.#options
    entry.failures += 1
    entry.retryAtMs = clock.nowMs() + backoffMs(entry.failures, renewalBackoff, random)
    const { namespace, name } = pod.metadata
    const why = messageOf(error)
    log.warn({ pod: `${namespace}/${name}`, volume, error: why }, 'Certificate cannot be renewed')
    if (entry.told.has(why)) return
    entry.told.add(why)
    const message = `PodCertificate refresh failed for volume "${volume}": ${why}`
    record(pod, { type: 'Warning', reason: 'CertificateRefreshFailed', message })
  }

  async #advance(entry: Entry, { pod, place, signal }: Advance): Promise<void> {
    const { clock } = this.#options
    entry.pending ??= await this.#request(pod, place, signal)
    const deadlineMs = entry.issued ? 0 : clock.monotonicMs() + waitMs
    while (!(await this.#look(entry, pod, signal)) && clock.monotonicMs() < deadlineMs) {
      await clock.sleep(lookEveryMs, signal ? { signal } : {})
    }
  }

  /** Creates the request of a new key. */
  async #request(
    pod: Pod,
    { projection }: CertificatePlace,
    signal: AbortSignal | undefined,
  ): Promise<Pending> {
    const { client, nodeName } = this.#options
    const options = signal ? { signal } : {}
    const { namespace } = pod.metadata
    const { serviceAccountName = 'default' } = pod.spec
    const [{ keyPem: key, request }, account, node] = await Promise.all([
      makeProvenKey(projection.keyType),
      client.get(serviceAccounts, { namespace, name: serviceAccountName }, options),
      client.get(nodes, { name: nodeName }, options),
    ])
    const body = newRequest(pod, { projection, account, node, request })
    try {
      const { metadata } = await client.create(podCertificateRequests, body, options)
      return { key, name: metadata.name }
    } catch (error) {
      const why = isNotFound(error)
        ? 'this API server does not serve PodCertificateRequests of certificates.k8s.io/v1beta1'
        : messageOf(error)
      const message = `while creating PodCertificateRequest: ${why}`
      throw new VkError('Unavailable', message, { cause: error })
    }
  }

  /** True when the request is answered, or gone. */
  async #look(entry: Entry, pod: Pod, signal: AbortSignal | undefined): Promise<boolean> {
    const { pending } = entry
    if (!pending) return true
    const { namespace } = pod.metadata
    const at = { namespace, name: pending.name }
    const options = signal ? { signal } : {}
    const found = await this.#options.client
      .get(podCertificateRequests, at, options)
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined
        throw error
      })
    if (!found) {
      entry.pending = undefined
      throw sourceError(
        `PodCertificateRequest "${namespace}/${pending.name}" appears to have been deleted`,
      )
    }
    const verdict = verdictOf(found)
    if (!verdict) return false
    entry.pending = undefined
    if (verdict.type !== 'Issued') {
      const { type, reason, message } = verdict
      const what = `reason=${JSON.stringify(reason)}`
      const said = `message=${JSON.stringify(message)}`
      entry.refusal = `PodCertificateRequest was permanently ${type.toLowerCase()}: ${what} ${said}`
      const done = type === 'Denied' ? 'was denied' : 'failed'
      const event = `PodCertificateRequest ${namespace}/${pending.name} ${done}, ${what}, ${said}`
      this.#options.record(pod, { type: 'Warning', reason: type, message: event })
      return true
    }
    entry.issued = this.#issued(pending, found.status)
    entry.told.clear()
    entry.retryAtMs = 0
    return true
  }

  #issued({ key }: Pending, status: IssuedStatus = {}): Issued {
    const { clock, random = Math.random } = this.#options
    const nowMs = clock.nowMs()
    const beginMs = parseWireTime(status.beginRefreshAt) ?? nowMs
    const notAfterMs = parseWireTime(status.notAfter) ?? Infinity
    // Pods of one deployment do not all come at once, and none comes when it is too late.
    const latestMs = Math.max(beginMs, (beginMs + notAfterMs) / 2)
    return {
      key,
      chain: certificateChain(status.certificateChain ?? ''),
      beginRefreshAtMs: Math.min(beginMs + random() * jitterMs, latestMs),
      notAfterMs,
    }
  }

  #tellOfAge({ told }: Entry, { beginRefreshAtMs, notAfterMs }: Issued, pod: Pod): void {
    const nowMs = this.#options.clock.nowMs()
    const tell = (reason: string, message: string): void => {
      if (told.has(reason)) return
      told.add(reason)
      this.#options.record(pod, { type: 'Warning', reason, message })
    }
    if (nowMs > beginRefreshAtMs + overdueMs) {
      tell('CertificateOverdueForRefresh', 'PodCertificate refresh overdue')
    }
    if (nowMs > notAfterMs) tell('CertificateExpired', 'PodCertificate expired')
  }
}

interface Advance {
  readonly pod: Pod
  readonly place: CertificatePlace
  readonly signal: AbortSignal | undefined
}

interface IssuedStatus {
  readonly certificateChain?: string
  readonly beginRefreshAt?: string
  readonly notAfter?: string
}
