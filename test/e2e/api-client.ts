// SPDX-License-Identifier: Apache-2.0
//
// The shortest way from a test to the API server, as its admin. Independent of the project's own
// client on purpose: a test must not share the mistakes of what it tests.
import { createInterface } from 'node:readline'
import { Agent, request } from 'undici'
import type { Credentials, Endpoint } from './kubeconfig.ts'

/** What to send along. */
export interface ApiCallOptions {
  readonly body?: unknown
  /** Default `application/json`; patches need another. */
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Gets the sentences of the answer's `Warning` headers. */
  readonly onWarning?: (sentence: string) => void
}

/** An answer of the API server of 400 or more. */
export class ApiStatusError extends Error {
  override readonly name = 'ApiStatusError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** A connection to one API server. */
export interface ApiClient extends AsyncDisposable {
  /** Sends one request and returns the body: parsed if it is JSON, else text. */
  call<T>(method: string, path: string, options?: ApiCallOptions): Promise<T>
  /** The lines of an answer as they come: a watch, or a log that is followed. Ends with the signal. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>
}

/** Creates a client that shows a client certificate or a token. */
export function createApiClient(endpoint: Endpoint, user: Credentials): ApiClient {
  const isToken = 'token' in user
  const shown = isToken ? {} : { cert: user.certificate, key: user.key }
  const credentials = isToken ? { authorization: `Bearer ${user.token}` } : {}
  const dispatcher = new Agent({ connect: { ca: endpoint.authority, ...shown } })
  return {
    async call<T>(method: string, path: string, options: ApiCallOptions = {}): Promise<T> {
      const { body, contentType = 'application/json', headers = {} } = options
      const response = await request(endpoint.server + path, {
        dispatcher,
        method: method as 'GET',
        headers: { 'content-type': contentType, ...credentials, ...headers },
        body: body === undefined ? null : JSON.stringify(body),
      })
      for (const sentence of warningsIn(response.headers['warning'])) options.onWarning?.(sentence)
      const text = await response.body.text()
      if (response.statusCode >= 400) {
        throw new ApiStatusError(response.statusCode, `${method} ${path}: ${text.trim()}`)
      }
      return (isJson(response.headers['content-type']) ? JSON.parse(text) : text) as T
    },
    async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
      const response = await request(endpoint.server + path, {
        dispatcher,
        signal,
        headers: credentials,
        bodyTimeout: 0,
      })
      if (response.statusCode >= 400) {
        const text = await response.body.text()
        throw new ApiStatusError(response.statusCode, `GET ${path}: ${text.trim()}`)
      }
      yield* createInterface({ input: response.body })
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}

/** Several headers may have been joined to one. */
function warningsIn(header: string | string[] = []): readonly string[] {
  const found = [header]
    .flat()
    .join(', ')
    .matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)
  return [...found].map(([, sentence = '']) => sentence.replaceAll(/\\(.)/g, '$1'))
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType).startsWith('application/json')
}
