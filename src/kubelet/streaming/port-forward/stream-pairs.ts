// SPDX-License-Identifier: Apache-2.0
// Finds the two streams of each forwarded connection: one for data, one for what goes wrong. They carry
// the same request id; clients that send none open the error stream right before the data stream.
import type { Clock } from '../../../util/clock.ts'
import { resetStatus } from '../spdy/spdy-frames.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'

/** Both streams of a forwarded connection. */
export interface StreamPair {
  readonly port: number
  readonly data: SpdyStream
  readonly error: SpdyStream
}

interface HalfPair {
  data?: SpdyStream
  error?: SpdyStream
  readonly timer: Disposable
}

export interface StreamPairsOptions {
  readonly clock: Clock
  /** A stream whose other half does not come ends after so long. */
  readonly timeoutMs: number
  readonly onPair: (pair: StreamPair) => void
}

/** Takes the streams of one session. */
export class StreamPairs implements Disposable {
  readonly #options: StreamPairsOptions
  readonly #halves = new Map<string, HalfPair>()

  constructor(options: StreamPairsOptions) {
    this.#options = options
  }

  onStream(stream: SpdyStream): void {
    const type = stream.header('streamtype')
    const port = parsePort(stream.header('port'))
    if (port === undefined || (type !== 'data' && type !== 'error')) {
      stream.reset(resetStatus.protocolError)
      return
    }
    const id = requestIdOf(stream, type)
    const half = this.#halves.get(id) ?? this.#begin(id)
    if (half[type] !== undefined) {
      stream.reset(resetStatus.protocolError)
      return
    }
    half[type] = stream
    const { data, error } = half
    if (!data || !error) return
    this.#forget(id)
    // The port of the data stream counts.
    const dataPort = parsePort(data.header('port')) ?? port
    this.#options.onPair({ port: dataPort, data, error })
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#halves.values()) timer[Symbol.dispose]()
    this.#halves.clear()
  }

  #begin(id: string): HalfPair {
    const { clock, timeoutMs } = this.#options
    const timer = clock.setTimer(timeoutMs, () => this.#expire(id))
    const half: HalfPair = { timer }
    this.#halves.set(id, half)
    return half
  }

  #forget(id: string): void {
    this.#halves.get(id)?.timer[Symbol.dispose]()
    this.#halves.delete(id)
  }

  #expire(id: string): void {
    const half = this.#halves.get(id)
    this.#forget(id)
    half?.error?.end(`error forwarding port: request ${id} timed out waiting for streams`)
    half?.data?.reset(resetStatus.cancel)
  }
}

function requestIdOf(stream: SpdyStream, type: 'data' | 'error'): string {
  const given = stream.header('requestid')
  if (given !== '') return given
  return String(type === 'error' ? stream.id : stream.id - 2)
}

/** A port as a decimal number; undefined for anything else. */
export function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port >= 1 && port <= 65_535 ? port : undefined
}
