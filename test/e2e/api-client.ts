// SPDX-License-Identifier: Apache-2.0
//
// The shortest way from a test to the API server, as its admin. Independent of the project's own
// client on purpose: a test must not share the mistakes of what it tests.
import { Agent, request } from 'undici'
import type { KeyPair } from './certificates.ts'
import type { Endpoint } from './kubeconfig.ts'

/** What to send along. */
export interface ApiCallOptions {
  readonly body?: unknown
  /** Default `application/json`; patches need another. */
  readonly contentType?: string
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
}

/** Creates a client that shows a client certificate. */
export function createApiClient(endpoint: Endpoint, user: KeyPair): ApiClient {
  const dispatcher = new Agent({
    connect: { ca: endpoint.authority, cert: user.certificate, key: user.key },
  })
  return {
    async call<T>(method: string, path: string, options: ApiCallOptions = {}): Promise<T> {
      const { body, contentType = 'application/json' } = options
      const response = await request(endpoint.server + path, {
        dispatcher,
        method: method as 'GET',
        headers: { 'content-type': contentType },
        body: body === undefined ? null : JSON.stringify(body),
      })
      const text = await response.body.text()
      if (response.statusCode >= 400) {
        throw new ApiStatusError(response.statusCode, `${method} ${path}: ${text.trim()}`)
      }
      return (isJson(response.headers['content-type']) ? JSON.parse(text) : text) as T
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType).startsWith('application/json')
}
