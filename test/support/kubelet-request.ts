// SPDX-License-Identifier: Apache-2.0
// Requests as a client of the kubelet API makes them, one connection each unless an agent is given.
import { once } from 'node:events'
import * as http from 'node:http'
import type { IncomingMessage } from 'node:http'
import * as https from 'node:https'
import { text } from 'node:stream/consumers'
import type { TestKeyPair } from './kubelet-certificates.ts'

export interface KubeletRequest {
  readonly port: number
  readonly path: string
  readonly method?: string
  readonly token?: string
  readonly client?: TestKeyPair
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly agent?: https.Agent
  readonly isPlain?: boolean
}

export interface KubeletReply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** Sends a request; resolves with the head of the answer. */
export async function open(options: KubeletRequest): Promise<IncomingMessage> {
  const { agent, body, client, isPlain = false, method = 'GET', path, port, token } = options
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) }
  const common = { host: '127.0.0.1', port, path, method, headers }
  const request = isPlain
    ? http.request({ ...common, agent: false })
    : https.request({
        ...common,
        agent: agent ?? false,
        // Whom the server is, is a matter of the tests of its certificate.
        rejectUnauthorized: false,
        ...(client && { cert: client.cert, key: client.key }),
      })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** Sends a request; resolves with the whole answer. */
export async function ask(options: KubeletRequest): Promise<KubeletReply> {
  const response = await open(options)
  const body = await text(response)
  return { status: response.statusCode ?? 0, headers: response.headers, body }
}
