// SPDX-License-Identifier: Apache-2.0
// The engine's events about this node's containers, over one connection for all of them. Events only say
// that something is worth a look; when the connection was away, everything is looked at.
import type { Clock } from '../../../util/clock.ts'
import { backoffMs } from '../../../util/backoff.ts'
import type { Logger } from '../../../util/logger.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { EngineClient } from './engine-client.ts'
import type { EngineEvent } from './engine-objects.ts'
import { jsonLines } from './json-lines.ts'

export interface EventFeedOptions {
  readonly client: EngineClient
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Values of the label filter. */
  readonly labels: readonly string[]
  /** The connection is there (again): what was missed is to be looked at. */
  onConnected(): Promise<void>
  onEvent(event: EngineEvent): void
}

const backoff = { baseMs: 250, factor: 2, capMs: 10_000, jitter: 0.25 }

/** Follows the events until the signal aborts. */
export async function followEvents(options: EventFeedOptions): Promise<void> {
  const { clock, log, signal } = options
  let failures = 0
  while (!signal.aborted) {
    try {
      await followOnce(options, () => {
        failures = 0
      })
      failures += 1
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      if (failures === 1)
        log.warn({ error: messageOf(error) }, 'No events of the engine; connecting again')
    }
    await clock.sleep(backoffMs(failures, backoff), { signal }).catch(() => {
      // Only the abort ends a sleep early; the loop's condition sees it.
    })
  }
}

async function followOnce(options: EventFeedOptions, connected: () => void): Promise<void> {
  const { client, labels, signal } = options
  const query = { filters: { type: ['container'], label: labels } }
  const answer = await client.stream({ path: '/events', query }, { signal })
  connected()
  // Events come meanwhile; they are read after it, in the state that they find then.
  await options.onConnected()
  for await (const event of jsonLines<EngineEvent>(answer)) options.onEvent(event)
}
