// SPDX-License-Identifier: Apache-2.0
// Requests to a container engine. dockerode's modem makes them, over whatever leads there; bodies are read
// here, because a connection that breaks in the middle of one must fail the call and not leave it waiting.
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import { withDeadline } from '../../../util/deadline.ts'
import type { Clock } from '../../../util/clock.ts'
import { untilAborted } from '../../../util/until-aborted.ts'
import { VkError } from '../../../util/vk-error.ts'
import { connectionError, engineError } from './engine-error.ts'

/** One request. `query` values that are objects are sent as JSON, those undefined not at all. */
export interface EngineRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | object | undefined>>
  readonly body?: object
  /** A tar archive as the body. */
  readonly archive?: Buffer | Readable
  readonly headers?: Readonly<Record<string, string>>
  /** Another version of the API than usual. */
  readonly version?: string
}

export interface CallOptions {
  readonly signal: AbortSignal
  /** How long an answer may take, of a stream its beginning; default 60 s. */
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 60_000
/** A stream may be silent for days: that its other side is still there is asked for so often. */
const keepAliveMs = 30_000
const maxErrorBytes = 64 * 1024

/** Status codes that count as an answer to the modem: all; what they mean is decided here. */
const everyStatus = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [index + 100, true]),
)

/** What is the same for all requests. */
export interface EngineClientOptions {
  readonly where: string
  readonly clock: Clock
  readonly headers: Readonly<Record<string, string>>
  /** Stands before every path. */
  readonly prefix: string
}

/** A client of one engine. */
export class EngineClient {
  /** Where the engine is, for messages. */
  readonly where: string
  readonly #modem: Dockerode['modem']
  readonly #clock: Clock
  readonly #headers: Readonly<Record<string, string>>
  readonly #prefix: string
  #version = ''

  constructor(modem: Dockerode['modem'], { where, clock, headers, prefix }: EngineClientOptions) {
    this.where = where
    this.#modem = modem
    this.#clock = clock
    this.#headers = headers
    this.#prefix = prefix
  }

  /** From now on this version of the API is asked for. */
  useVersion(version: string): void {
    this.#version = `/v${version}`
  }

  /** Sends a request and reads its JSON answer; undefined for an empty one. */
  async json<T>(request: EngineRequest, options: CallOptions): Promise<T> {
    const text = await this.text(request, options)
    try {
      return (text === '' ? undefined : JSON.parse(text)) as T
    } catch (cause) {
      throw new VkError('Internal', `Cannot read the engine's answer: it is no JSON`, { cause })
    }
  }

  /** Sends a request and reads its whole answer. */
  async text(request: EngineRequest, options: CallOptions): Promise<string> {
    return (await this.bytes(request, options)).toString()
  }

  /** The same for an answer that is no text. */
  bytes(
    request: EngineRequest,
    { signal, timeoutMs = defaultTimeoutMs }: CallOptions,
  ): Promise<Buffer> {
    const read = async (own: AbortSignal): Promise<Buffer> => {
      const answer = await this.#answer(request, own)
      try {
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk as Buffer)
        return Buffer.concat(chunks)
      } catch (error) {
        throw connectionError(error, this.where)
      }
    }
    const message = this.#silence(timeoutMs)
    return withDeadline(read, { clock: this.#clock, timeoutMs, signal, message })
  }

  /**
   * Sends a request; resolves with its answer's body once the engine has agreed. How long the body may be silent
   * is for its reader to say.
   */
  async stream(request: EngineRequest, options: CallOptions): Promise<IncomingMessage> {
    const answer = await this.#opened((signal) => this.#answer(request, signal), options)
    answer.socket.setKeepAlive(true, keepAliveMs)
    return answer
  }

  /** Sends a request whose connection becomes a stream of bytes in both directions. */
  async hijack(request: EngineRequest, options: CallOptions): Promise<Duplex> {
    const connection = await this.#opened((signal) => this.#upgraded(request, signal), options)
    if (connection instanceof Socket) connection.setKeepAlive(true, keepAliveMs)
    return connection
  }

  /** Until the deadline the engine has to begin; afterwards only the caller's signal ends what was opened. */
  async #opened<T>(
    open: (signal: AbortSignal) => Promise<T>,
    { signal, timeoutMs = defaultTimeoutMs }: CallOptions,
  ): Promise<T> {
    const late = new AbortController()
    using _timer = this.#clock.setTimer(timeoutMs, () =>
      late.abort(new VkError('Timeout', this.#silence(timeoutMs))),
    )
    return await untilAborted(open(AbortSignal.any([signal, late.signal])), late.signal)
  }

  #silence(timeoutMs: number): string {
    return `The engine at ${this.where} gave no answer for ${timeoutMs / 1000} s`
  }

  async #answer(request: EngineRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#dial(request, { signal, isHijack: false })
    if (!(answer instanceof IncomingMessage)) throw new VkError('Internal', 'no answer to read')
    const { statusCode = 0 } = answer
    if (statusCode >= 200 && statusCode < 400) return answer
    throw engineError(statusCode, await startOf(answer))
  }

  async #upgraded(request: EngineRequest, signal: AbortSignal): Promise<Duplex> {
    const answer = await this.#dial(request, { signal, isHijack: true })
    if (!(answer instanceof IncomingMessage)) return answer
    const { statusCode = 0 } = answer
    if (statusCode >= 400) throw engineError(statusCode, await startOf(answer))
    answer.destroy()
    throw new VkError(
      'Unsupported',
      'the engine, or a proxy before it, does not upgrade connections',
    )
  }

  async #dial(
    { method = 'GET', path, query = {}, body, archive, headers, version }: EngineRequest,
    { signal, isHijack }: { readonly signal: AbortSignal; readonly isHijack: boolean },
  ): Promise<IncomingMessage | Duplex> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | Duplex>()
    const at = version === undefined ? this.#version : `/v${version}`
    const known = Object.entries(query).filter(([, value]) => value !== undefined)
    this.#modem.dial(
      {
        method,
        // The modem sends a query only where the path ends so.
        path: `${this.#prefix}${at}${path}?`,
        options: { _query: Object.fromEntries(known), _body: body ?? {} },
        headers: { ...this.#headers, ...headers },
        isStream: true,
        hijack: isHijack,
        abortSignal: signal,
        statusCodes: everyStatus,
        ...(archive && { file: archive }),
      },
      (error, answer) => {
        if (error) reject(connectionError(error, this.where))
        else resolve(answer as IncomingMessage | Duplex)
      },
    )
    return await promise
  }
}

async function startOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > maxErrorBytes) break
  }
  return Buffer.concat(chunks).toString()
}
