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
    const expected = new Set<StreamType>(['error'])
    if (choice.stdin) expected.add('stdin')
    if (choice.stdout) expected.add('stdout')
    if (choice.stderr) expected.add('stderr')
    if (choice.tty && hasResize) expected.add('resize')
    this.#expected = expected
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

/** The client's end of exec or attach, once its streams are complete. */
export class SpdyCommand implements CommandConnection {
  readonly stdin?: SpdyStream
  readonly stdout?: SpdyStream
  readonly stderr?: SpdyStream
  readonly #session: SpdySession
  readonly #protocol: SpdyCommandProtocol
  readonly #error: SpdyStream | undefined
  readonly #sizes: ResizeFeed | undefined

  constructor(
    session: SpdySession,
    streams: SpdyCommandStreams,
    { protocol }: { readonly protocol: SpdyCommandProtocol },
  ) {
    this.#session = session
    this.#protocol = protocol
    const stdin = streams.get('stdin')
    const stdout = streams.get('stdout')
    const stderr = streams.get('stderr')
    if (stdin) this.stdin = stdin
    if (stdout) this.stdout = stdout
    if (stderr) this.stderr = stderr
    this.#error = streams.get('error')
    // Clients do not write there; what comes nevertheless must not stand in the way.
    stdout?.dropInput()
    stderr?.dropInput()
    this.#error?.dropInput()
    this.#sizes = sizesFrom(streams.get('resize'))
  }

  onResize(resized: (size: TerminalSize) => void): void {
    this.#sizes?.listen(resized)
  }

  endInput(): void {
    this.stdin?.end()
  }

  async finish(outcome: Outcome): Promise<void> {
    const error = this.#error
    const text = this.#protocol === 'v4.channel.k8s.io' ? statusOf(outcome) : failureTextOf(outcome)
    this.stdin?.end()
    // Called back too when the stream breaks before.
    if (error) await new Promise<void>((resolve) => error.end(text, () => resolve()))
    this.#session.close()
  }
}

function sizesFrom(stream: SpdyStream | undefined): ResizeFeed | undefined {
  if (!stream) return undefined
  const feed = new ResizeFeed()
  stream.setEncoding('utf8')
  stream.on('data', (piece: string) => feed.take(piece))
  return feed
}
