// SPDX-License-Identifier: Apache-2.0
// Port-forward over a SPDY connection, be it the connection itself or a tunnel through WebSocket: many
// forwarded connections at a time, to any ports.
import type { Duplex } from 'node:stream'
import { messageOf } from '../../../util/vk-error.ts'
import { resetStatus } from '../spdy/spdy-frames.ts'
import { SpdySession } from '../spdy/spdy-session.ts'
import type { StreamingDeps } from '../stream-options.ts'
import { forwardPort } from './forward-port.ts'
import type { PortTarget } from './forward-port.ts'
import { StreamPairs } from './stream-pairs.ts'
import type { StreamPair } from './stream-pairs.ts'

/** Serves the client until its connection ends; never rejects. */
export async function servePortForward(
  connection: Duplex,
  {
    target,
    deps,
    signal,
  }: { readonly target: PortTarget; readonly deps: StreamingDeps; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, limits, log } = deps
  using pairs = new StreamPairs({
    clock,
    timeoutMs: limits.creationTimeoutMs,
    onPair: (pair) => void forwardPair(pair, target, session.ended),
  })
  const session = new SpdySession(connection, {
    clock,
    idleTimeoutMs: limits.idleTimeoutMs,
    onStream: (stream) => pairs.onStream(stream),
  })
  const onAbort = (): void => session.close()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await session.run()
  } catch (error) {
    log.debug({ error: messageOf(error) }, 'Streaming connection ended by a broken frame')
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function forwardPair(
  { port, data, error }: StreamPair,
  target: PortTarget,
  signal: AbortSignal,
): Promise<void> {
  // The client ends it at once and says nothing there.
  error.resume()
  const client = {
    port,
    input: data,
    output: data,
    halfCloses: true,
    abandon: () => data.reset(resetStatus.cancel),
  }
  const failed = await forwardPort(client, target, signal)
  error.end(failed)
  if (failed === undefined) data.end()
  else data.reset(resetStatus.cancel)
}
