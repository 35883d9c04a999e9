// SPDX-License-Identifier: Apache-2.0
// Exec and attach over SPDY, versions 1 to 4: the client opens one stream for each kind, one after the
// other, and waits for each answer. Only when all are there is there a connection.
import type { StreamChoice, TerminalSize } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import { resetStatus } from '../spdy/spdy-frames.ts'
import type { SpdySession } from '../spdy/spdy-session.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import type { CommandConnection, Outcome } from './command-connection.ts'
import { failureTextOf, statusOf } from './command-status.ts'
import { ResizeFeed } from './resize-feed.ts'

/** Subprotocols over SPDY; the newest is only for WebSocket. */
export const spdyCommandProtocols = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const

export type SpdyCommandProtocol = (typeof spdyCommandProtocols)[number]

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize'

/** Collects the streams of one client. Give `onStream` to the session. */
export class SpdyCommandStreams {
  readonly #expected: ReadonlySet<string>
  readonly #streams = new Map<string, SpdyStream>()
  readonly #complete = Promise.withResolvers<boolean>()

  constructor(choice: StreamChoice, protocol: SpdyCommandProtocol) {
    const hasResize = protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io'
    const wanted: readonly (readonly [StreamType, boolean])[] = [
      ['error', true],
      ['stdin', choice.stdin],
      ['stdout', choice.stdout],
      ['stderr', choice.stderr],
      ['resize', choice.tty && hasResize],
    ]
    this.#expected = new Set(wanted.filter(([, isWanted]) => isWanted).map(([type]) => type))
  }

  /** Takes a stream, or resets one that nobody asked for. */
  onStream(stream: SpdyStream): void {
    const type = stream.header('streamtype')
    if (!this.#expected.has(type) || this.#streams.has(type)) {
      stream.reset(resetStatus.protocolError)
      return
    }
    this.#streams.set(type, stream)
    if (this.#streams.size === this.#expected.size) this.#complete.resolve(true)
  }

  /** Resolves when all streams are there; false when that took longer than `timeoutMs`, or the signal aborted. */
  async whenComplete({
    clock,
    timeoutMs,
    signal,
  }: {
    readonly clock: Clock
    readonly timeoutMs: number
    readonly signal: AbortSignal
  }): Promise<boolean> {
    const { promise, resolve } = this.#complete
    const giveUp = (): void => resolve(false)
    using _timer = clock.setTimer(timeoutMs, giveUp)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    const isComplete = await promise
    signal.removeEventListener('abort', giveUp)
    return isComplete
  }

  get(type: StreamType): SpdyStream | undefined {
    return this.#streams.get(type)
  }
}

/** The connection that these streams make, once they are complete; `ended` aborts when the client is gone. */
export function spdyCommandConnection(
  session: SpdySession,
  {
    streams,
    protocol,
    ended,
  }: {
    readonly streams: SpdyCommandStreams
    readonly protocol: SpdyCommandProtocol
    readonly ended: AbortSignal
  },
): CommandConnection {
  const [stdin, stdout, stderr] = [
    streams.get('stdin'),
    streams.get('stdout'),
    streams.get('stderr'),
  ]
  const error = streams.get('error')
  // Clients do not write there; what comes nevertheless must not stand in the way.
  for (const stream of [stdout, stderr, error]) stream?.resume()
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    ended,
    ...resizing(streams.get('resize')),
    endInput: () => void stdin?.end(),
    async finish(outcome: Outcome) {
      const text = protocol === 'v4.channel.k8s.io' ? statusOf(outcome) : failureTextOf(outcome)
      stdin?.end()
      // Called back too when the stream breaks before.
      if (error) await new Promise<void>((resolve) => error.end(text, () => resolve()))
      session.close()
    },
  }
}

function resizing(stream: SpdyStream | undefined): Pick<CommandConnection, 'onResize'> {
  const feed = new ResizeFeed()
  stream?.setEncoding('utf8')
  stream?.on('data', (piece: string) => feed.take(piece))
  return { onResize: (resized: (size: TerminalSize) => void) => feed.listen(resized) }
}
