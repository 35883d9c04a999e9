// SPDX-License-Identifier: Apache-2.0
// Keeps two processes from running one node. Each would start every pod, and both would look healthy.
// A Node says which instance runs it; while another one does, its lease goes on being renewed. A lease
// that stands still is that of a process which is gone, and does not block its successor.
import { isNotFound, isRefused } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { leases } from '../kube/resources.ts'
import type { Lease, Node } from '../kube/types.gen.ts'
import type { Clock } from '../util/clock.ts'
import { withDeadline } from '../util/deadline.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf, UserError } from '../util/vk-error.ts'
import { leaseNamespace } from './node-lease.ts'
import { parseWireMicroTime } from '../util/wire-time.ts'

/** Names the instance that runs the node; taken off when it leaves. */
export const instanceAnnotation = 'virtual-kubelet.io/instance'

export interface TwinGuardOptions {
  /** Ours; without one nobody can be told from us. */
  readonly instanceId: string | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly callTimeoutMs: number
}

const lookMs = 1000
const defaultDurationSeconds = 40
/** A lease is renewed each quarter of its duration; this is that, and some delay. */
const watchedShare = 0.3

/**
 * Throws a UserError when another process runs this node. Takes one request at most when the node is
 * ours or its lease is old, and else as long as it takes to see whether that lease is renewed.
 */
export async function refuseTwin(
  client: KubeClient,
  { node, signal, options }: { node: Node; signal: AbortSignal; options: TwinGuardOptions },
): Promise<void> {
  const { instanceId, clock, log } = options
  const { name, annotations } = node.metadata
  const other = annotations?.[instanceAnnotation]
  if (instanceId === undefined || !other || other === instanceId) return
  const read = (): Promise<Renewal | undefined> => readRenewal(client, { node, signal, options })
  const first = await read()
  if (!first || !(clock.nowMs() - first.atMs <= first.durationMs)) return
  log.info({}, 'Another process ran this node a moment ago; watching whether it still does')
  const untilMs = clock.monotonicMs() + first.durationMs * watchedShare
  while (clock.monotonicMs() < untilMs) {
    await clock.sleep(lookMs, { signal })
    const next = await read()
    if (next && next.micros > first.micros) throw refusal(name, clock.nowMs() - next.atMs)
  }
}

interface Renewal {
  /** 0 where there is no lease yet. */
  readonly micros: number
  readonly atMs: number
  readonly durationMs: number
}

async function readRenewal(
  client: KubeClient,
  { node, signal, options }: { node: Node; signal: AbortSignal; options: TwinGuardOptions },
): Promise<Renewal | undefined> {
  const { clock, log, callTimeoutMs: timeoutMs } = options
  const { name, creationTimestamp = '' } = node.metadata
  const message = `Cannot read the lease of node "${name}": no answer for ${timeoutMs / 1000}s`
  const at = { namespace: leaseNamespace, name }
  try {
    const lease = await withDeadline(
      (ended) => client.get(leases, at, { signal: ended, timeoutMs }),
      { clock, timeoutMs, signal, message },
    )
    return renewalOf(lease)
  } catch (error) {
    // A node that was made just now gets its lease in a moment.
    if (isNotFound(error)) {
      const durationMs = defaultDurationSeconds * 1000
      return { micros: 0, atMs: Date.parse(creationTimestamp), durationMs }
    }
    // Without the right to read leases nothing can be said; whatever else fails is tried again.
    if (!isRefused(error)) throw error
    log.debug({ error: messageOf(error) }, 'Cannot tell whether another process runs this node')
    return undefined
  }
}

function renewalOf({ spec }: Lease): Renewal | undefined {
  const micros = parseWireMicroTime(spec.renewTime ?? '')
  if (micros === undefined) return undefined
  const { leaseDurationSeconds: seconds = defaultDurationSeconds } = spec
  return { micros, atMs: micros / 1000, durationMs: seconds * 1000 }
}

function refusal(name: string, ageMs: number): UserError {
  const seconds = Math.max(0, Math.round(ageMs / 1000))
  return new UserError(
    `Cannot run node "${name}": another process runs it (its lease was renewed ${seconds} s ago)`,
    { hint: 'Choose another --nodename, or stop that process.' },
  )
}
