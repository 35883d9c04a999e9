// SPDX-License-Identifier: Apache-2.0
// Headers that a proxy passes on: all but those that are about one connection. What frames a body is said
// anew, for a body that nobody has framed would be read as another request.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

type Headers = NodeJS.Dict<string | string[]>

/** RFC 9110, 7.6.1, with what is still seen of older ones. */
const perConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Without those about the connection, the ones that `Connection` names included; names in lower case. */
export function endToEndHeaders(headers: Readonly<Headers>): Headers {
  const named = new Set(wordsOf(headers['connection']))
  const passed: Headers = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue
    if (!perConnection.has(name) && !named.has(name)) passed[name] = value
  }
  // Whether trailers are understood is for the other end to know.
  if (wordsOf(headers['te']).includes('trailers')) passed['te'] = 'trailers'
  return passed
}

/** What says where the body of this request ends, on the next connection. */
export function framingOf(request: IncomingMessage | Http2ServerRequest): OutgoingHttpHeaders {
  const { headers } = request
  if (headers['content-length'] !== undefined) return {}
  const hasBody =
    'stream' in request ? !request.stream.endAfterHeaders : 'transfer-encoding' in headers
  return hasBody ? { 'transfer-encoding': 'chunked' } : {}
}

function wordsOf(value: Headers[string]): readonly string[] {
  return String(value ?? '')
    .toLowerCase()
    .split(',')
    .map((word) => word.trim())
}
