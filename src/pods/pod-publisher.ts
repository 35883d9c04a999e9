// SPDX-License-Identifier: Apache-2.0
// From records to statuses in the API: computes what a pod's status should be, hands it to the writer
// when it differs, and takes the API's answers back into the record. A pod that starts at once costs
// one write: the status that only says "not started yet" is held back for a moment.
import type { Pod, PodStatus } from '../kube/types.gen.ts'
import { isDeleting } from './decide-pod.ts'
import type { PodRecord } from './known-pod.ts'
import { withoutBulk } from '../kube/without-bulk.ts'
import type { PodLoop } from './pod-loop.ts'
import { diffStatus } from './status-diff.ts'
import type { PendingStatus, StatusSource } from './status-writer.ts'
import { StatusWriter } from './status-writer.ts'
import { sameWire } from './wire-equal.ts'
import { wireStatus } from './wire-status.ts'

/** How long a status without news waits for one with news. */
const acknowledgeAfterMs = 1000

/** A status that the server stored otherwise than we sent it: sent once, not for ever. */
interface Settled {
  readonly resourceVersion: string | undefined
  readonly wanted: PodStatus
}

/** Publishes the statuses of one node's pods. */
export class PodPublisher implements StatusSource, AsyncDisposable {
  readonly #loop: PodLoop
  readonly #writer: StatusWriter
  readonly #settled = new Map<string, Settled>()

  constructor(loop: PodLoop, options: { readonly concurrency?: number | undefined }) {
    const { nodeName, clock, log, metrics } = loop
    this.#loop = loop
    this.#writer = new StatusWriter(loop.client, this, {
      nodeName,
      clock,
      log,
      metrics,
      ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    })
  }

  /** Brings the pod's status up to date; answers when to come again where it is held back. */
  publish(record: PodRecord): number | undefined {
    const { clock, isDraining, nodeIPs } = this.#loop
    const nowMs = clock.nowMs()
    const wanted = wireStatus(record, {
      nodeIPs: nodeIPs(),
      nowMs,
      isDraining: isDraining(),
      problem: record.problem,
    })
    record.wanted = undefined
    if (!record.api || !wanted) return undefined
    const holdMs = record.firstSeenMs + acknowledgeAfterMs - nowMs
    if (holdMs > 0 && !record.api.status?.startTime && isUneventful(wanted)) return holdMs
    if (!diffStatus(record.api, wanted, nowMs) || this.#isSettled(record, wanted)) return undefined
    record.wanted = wanted
    this.#writer.wake(record.ref.uid)
    return undefined
  }

  pending(uid: string): PendingStatus | undefined {
    const record = this.#loop.records.get(uid)
    return record?.api && record.wanted ? { api: record.api, wanted: record.wanted } : undefined
  }

  written(uid: string, { answer, sent }: { readonly answer: Pod; readonly sent: PodStatus }): void {
    const { records, clock, log, wake, isDraining } = this.#loop
    const record = records.get(uid)
    if (!record) return
    records.noteApi(record, withoutBulk(answer))
    this.#measureStart(record)
    if (record.wanted === sent) {
      record.wanted = undefined
      if (diffStatus(answer, sent, clock.nowMs())) {
        const { namespace, name, resourceVersion } = answer.metadata
        log.debug(
          { pod: `${namespace}/${name}` },
          'The API stored a pod status otherwise than sent',
        )
        this.#settled.set(uid, { resourceVersion, wanted: sent })
      }
    }
    // Deletion goes on once the terminal phase is in the API. All else is woken by its own news.
    if (isDeleting(answer) || isDraining()) wake(uid)
  }

  gone(uid: string): void {
    const record = this.#loop.records.get(uid)
    if (record) record.wanted = undefined
    // The cache will tell, if it has not yet; until then nothing is written.
  }

  forget(uid: string): void {
    this.#settled.delete(uid)
    this.#writer.forget(uid)
  }

  /** Statuses on their way to the API. */
  get backlog(): number {
    return this.#writer.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]()
  }

  #isSettled({ ref, api }: PodRecord, wanted: PodStatus): boolean {
    const settled = this.#settled.get(ref.uid)
    if (!settled) return false
    const isSame =
      settled.resourceVersion === api?.metadata.resourceVersion && sameWire(settled.wanted, wanted)
    if (!isSame) this.#settled.delete(ref.uid)
    return isSame
  }

  #measureStart(record: PodRecord): void {
    if (record.isStartMeasured || record.api?.status?.phase !== 'Running') return
    record.isStartMeasured = true
    const { metrics, nodeName, clock } = this.#loop
    const seconds = (clock.nowMs() - record.firstSeenMs) / 1000
    metrics?.podStartDuration.observe({ node: nodeName }, seconds)
  }
}

/** Pending, and every container waits without a complaint: nothing that anybody waits to read. */
function isUneventful({ phase, containerStatuses, initContainerStatuses }: PodStatus): boolean {
  if (phase !== 'Pending') return false
  const all = [...(containerStatuses ?? []), ...(initContainerStatuses ?? [])]
  return all.every(({ state, lastState }) => {
    if (state?.running || state?.terminated || lastState?.terminated) return false
    const reason = state?.waiting?.reason
    return reason === 'ContainerCreating' || reason === 'PodInitializing'
  })
}
