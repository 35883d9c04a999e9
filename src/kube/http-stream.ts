// SPDX-License-Identifier: Apache-2.0
// A long answer as it comes: chunks of bytes with a bounded buffer between the socket and whoever
// reads. When the reader lags behind, the connection (or its HTTP/2 stream) is paused.
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { VkError } from '../util/vk-error.ts'
import { asError } from './http-exchange.ts'
import type { ExchangeLimits } from './http-exchange.ts'

const maxBufferedBytes = 4 * 1024 * 1024

type End = { readonly error: unknown } | 'closed'

/** The body of an answer, read chunk by chunk by one reader. */
export class HttpStream implements Dispatcher.DispatchHandler {
  /** Resolves when status and headers are there. */
  readonly opened: Promise<void>
  status = 0
  headers: IncomingHttpHeaders = {}
  readonly #open: PromiseWithResolvers<void>
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  readonly #onAbort = (): void => this.#fail(this.#signal?.reason)
  readonly #onEnd: (stream: HttpStream) => void
  #controller: Dispatcher.DispatchController | undefined
  #chunks: Buffer[] = []
  #bufferedBytes = 0
  #end: End | undefined
  #wake: (() => void) | undefined

  /** Calls `onEnd` once, however it ends. */
  constructor(limits: ExchangeLimits, onEnd: (stream: HttpStream) => void = () => {}) {
    const { signal, timeoutMs } = limits
    this.#onEnd = onEnd
    this.#open = Promise.withResolvers()
    this.opened = this.#open.promise
    this.#signal = signal
    this.#timer = setTimeout(() => {
      this.#fail(new VkError('Timeout', `no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    if (signal?.aborted) this.#fail(signal.reason)
    else signal?.addEventListener('abort', this.#onAbort)
  }

  /** What arrived since the last call, oldest first; undefined at the end. Throws when it broke. */
  async read(): Promise<readonly Buffer[] | undefined> {
    if (this.#chunks.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#wake = undefined
    }
    if (this.#chunks.length > 0) return this.#take()
    if (this.#end === undefined || this.#end === 'closed') return undefined
    throw this.#end.error
  }

  /** Ends the stream from this side. */
  close(): void {
    if (this.#end !== undefined) return
    this.#finish('closed')
    this.#abandon(new Error('Closed by the reader'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#end !== undefined) controller.abort(new Error('Closed by the reader'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    clearTimeout(this.#timer)
    this.status = status
    this.headers = headers
    this.#open.resolve()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#end !== undefined) return
    this.#chunks.push(chunk)
    this.#bufferedBytes += chunk.length
    if (this.#bufferedBytes > maxBufferedBytes) controller.pause()
    this.#wake?.()
  }

  onResponseEnd(): void {
    this.#finish('closed')
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish({ error })
  }

  #take(): readonly Buffer[] {
    const chunks = this.#chunks
    this.#chunks = []
    this.#bufferedBytes = 0
    if (this.#controller?.paused) this.#controller.resume()
    return chunks
  }

  #fail(reason: unknown): void {
    if (this.#end !== undefined) return
    this.#chunks = []
    this.#finish({ error: reason })
    this.#abandon(asError(reason))
  }

  // An HTTP/2 stream that is ended in the turn in which it was begun is never reset: Node sends its
  // headers later, and the server then serves it to nobody. Hence the turn before the abort.
  #abandon(reason: Error): void {
    const controller = this.#controller
    if (this.status !== 0) controller?.abort(reason)
    else if (controller) setImmediate(() => controller.abort(reason))
  }

  #finish(end: End): void {
    if (this.#end !== undefined) return
    this.#end = end
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (end === 'closed') this.#open.resolve()
    else this.#open.reject(end.error)
    this.#wake?.()
    this.#onEnd(this)
  }
}
