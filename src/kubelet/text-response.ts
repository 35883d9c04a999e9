// SPDX-License-Identifier: Apache-2.0
// How the kubelet API answers when there is nothing to stream. Errors are plain text, never Status
// objects and never a redirect: the API server shows the body to the user as it is.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** An answer that is known as a whole. */
export interface TextAnswer {
  readonly status: number
  readonly text: string
  readonly headers?: OutgoingHttpHeaders
}

/** Sends a whole plain-text answer. */
export function sendText(response: ServerResponse, answer: TextAnswer): void {
  sendBody(response, answer.text, {
    status: answer.status,
    contentType: 'text/plain; charset=utf-8',
    ...(answer.headers && { headers: answer.headers }),
  })
}

/** Sends a whole body of any type with status 200, or the one given. */
export function sendBody(
  response: ServerResponse,
  body: string,
  options: {
    readonly contentType: string
    readonly status?: number
    readonly headers?: OutgoingHttpHeaders
  },
): void {
  const { contentType, status = 200, headers } = options
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(body)
}
