// SPDX-License-Identifier: Apache-2.0
// Events are kept for an hour after they were last written.
import { events } from '../../../kube/resources.ts'
import type { Event } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { startPeriodic } from '../pod-gc/periodic.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { isNotFound } from '../workload/controller-queue.ts'

export interface EventsTtlOptions {
  /** Default 1 h. */
  readonly ttlMs?: number
  /** How often it is looked; default 1 min. */
  readonly periodMs?: number
}

const deletesAtOnce = 64

/** Starts the removal of old events. */
export function startEventsTtlController(
  context: ControllerContext,
  { ttlMs = 3_600_000, periodMs = 60_000 }: EventsTtlOptions = {},
): AsyncDisposable {
  const { api, clock, log } = context
  const remove = async ({ metadata: { namespace, name, uid } }: Event): Promise<void> => {
    try {
      await api.delete(events, { namespace, name }, { preconditions: { uid } })
    } catch (error) {
      if (!isNotFound(error))
        log.warn({ event: name, error: messageOf(error) }, 'Cannot remove event')
    }
  }
  return startPeriodic(context, { name: 'events-ttl', periodMs }, async () => {
    const oldestMs = clock.nowMs() - ttlMs
    const old = api.list(events).filter((event) => writtenMs(event) < oldestMs)
    for (let start = 0; start < old.length; start += deletesAtOnce) {
      await Promise.all(old.slice(start, start + deletesAtOnce).map(remove))
    }
  })
}

function writtenMs({ metadata, series, lastTimestamp, eventTime }: Event): number {
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, metadata.creationTimestamp]
  return times.reduce((latest, time) => Math.max(latest, parseWireTime(time) ?? 0), 0)
}
