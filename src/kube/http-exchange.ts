// SPDX-License-Identifier: Apache-2.0
// One request and its whole answer, as an undici handler: the cheapest way through the hot path.
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { VkError } from '../util/vk-error.ts'

/** The whole answer to a request. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface ExchangeLimits {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs: number
}

/** Collects an answer; gives up when its signal aborts or its time is over. */
export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<HttpAnswer>
  readonly #resolve: (answer: HttpAnswer) => void
  readonly #reject: (error: unknown) => void
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout
  readonly #onAbort = (): void => this.#giveUp(this.#signal?.reason)
  #controller: Dispatcher.DispatchController | undefined
  #reason: unknown
  #isOver = false
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #first: Buffer | undefined
  #chunks: Buffer[] | undefined

  constructor(limits: ExchangeLimits) {
    const { signal, timeoutMs } = limits
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
    this.answer = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#signal = signal
    this.#timer = setTimeout(() => {
      this.#giveUp(new VkError('Timeout', `no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    if (signal?.aborted) this.#giveUp(signal.reason)
    else signal?.addEventListener('abort', this.#onAbort)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(asError(this.#reason))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#first) this.#first = chunk
    else if (this.#chunks) this.#chunks.push(chunk)
    else this.#chunks = [this.#first, chunk]
  }

  onResponseEnd(): void {
    const bytes = this.#chunks ? Buffer.concat(this.#chunks) : this.#first
    const body = bytes?.toString('utf8') ?? ''
    if (this.#end()) this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#end()) this.#reject(error)
  }

  #giveUp(reason: unknown): void {
    if (!this.#end()) return
    this.#reason = reason
    this.#controller?.abort(asError(reason))
    this.#reject(reason)
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    return true
  }
}

/** An abort's reason as the Error that undici wants. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('Aborted', { cause: reason })
}
