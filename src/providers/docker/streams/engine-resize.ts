// SPDX-License-Identifier: Apache-2.0
// The size of a terminal that an engine holds: of a container's program, or of a command in it.
import type { ProcessStreams } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { sizesInOrder } from './sizes-in-order.ts'

export interface EngineTerminal {
  readonly client: Pick<EngineClient, 'text'>
  readonly clock: Clock
  /** Such as /exec/ID/resize; undefined: there is no terminal. */
  readonly path: string | undefined
}

/** What takes sizes from a client until the signal aborts. */
export function engineResize(
  { client, clock, path }: EngineTerminal,
  signal: AbortSignal,
): ProcessStreams['resize'] {
  if (path === undefined) return () => {}
  return sizesInOrder(
    ({ width, height }) =>
      client.text({ method: 'POST', path, query: { w: width, h: height } }, { signal }),
    { clock, signal },
  )
}
