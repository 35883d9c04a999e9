// SPDX-License-Identifier: Apache-2.0
// A GET that follows redirects as long as they stay on the host, with a kubelet's words for what fails.
// One that leaves the host is not followed: its answer is the last.
import { messageOf } from '../../util/vk-error.ts'
import { dialErrorText } from './dial-error.ts'
import { BrokenBodyError, exchange, type HttpAnswer } from './http-exchange.ts'
import { urlOf, type HttpRequest } from './http-request.ts'
import type { PodDial } from './pod-dial.ts'
import { ProbeError, ProbeTimeout } from './probe-order.ts'

/** There was no answer; the message says which request failed, and why. */
export class FailedGet extends Error {
  /** A server that was asked by TLS speaks HTTP without. */
  readonly isPlainServer: boolean

  constructor(
    url: string,
    why: string,
    { isPlainServer = false }: { readonly isPlainServer?: boolean } = {},
  ) {
    super(`Get "${url}": ${why}`)
    this.isPlainServer = isPlainServer
  }
}

export interface GetOptions {
  readonly signal: AbortSignal
  readonly maxBodyBytes: number
  readonly dial: PodDial
}

const maxRequests = 10
const redirects = new Set([301, 302, 303, 307, 308])

/**
 * The last answer. Rejects with FailedGet; with a ProbeError when an answer broke off; with the signal's
 * reason, unless that is a ProbeTimeout, which is one of the former.
 */
export async function httpGet(first: HttpRequest, options: GetOptions): Promise<HttpAnswer> {
  let request = first
  for (let count = 1; ; count++) {
    const answer = await getOnce(request, options)
    const location = redirects.has(answer.status) ? answer.location : undefined
    if (location === undefined || location === '') return answer
    const target = redirected(request, location, first)
    if (target.host !== first.host) return answer
    if (count === maxRequests) throw new FailedGet(location, 'stopped after 10 redirects')
    request = target
  }
}

async function getOnce(
  request: HttpRequest,
  { dial, ...options }: GetOptions,
): Promise<HttpAnswer> {
  let hasBegun = false
  const onHeaders = (): void => {
    hasBegun = true
  }
  try {
    options.signal.throwIfAborted()
    const connection = await dial(request, options.signal)
    return await exchange(request, { ...options, onHeaders, ...(connection && { connection }) })
  } catch (error) {
    if (error instanceof ProbeError) throw error
    if (error instanceof ProbeTimeout) throw lateAnswer(request, hasBegun)
    if (options.signal.aborted) throw error
    if (error instanceof BrokenBodyError) throw new ProbeError('unexpected EOF', 'failure')
    const isPlainServer = isPlainAnswer(error)
    throw new FailedGet(urlOf(request), whyFailed(error, request), { isPlainServer })
  }
}

function lateAnswer(request: HttpRequest, hasBegun: boolean): Error {
  const why = 'context deadline exceeded (Client.Timeout'
  if (!hasBegun) return new FailedGet(urlOf(request), `${why} exceeded while awaiting headers)`)
  return new ProbeError(`${why} or context cancellation while reading body)`, 'failure')
}

function whyFailed(error: unknown, request: HttpRequest): string {
  const { code = '' } = error as NodeJS.ErrnoException
  if (isPlainAnswer(error)) return 'http: server gave HTTP response to HTTPS client'
  if (code === 'HPE_HEADER_OVERFLOW') {
    return 'net/http: server response headers exceeded 1048576 bytes; aborted'
  }
  if (code.startsWith('HPE_')) {
    return 'net/http: HTTP/1.x transport connection broken: malformed HTTP response'
  }
  if (code === 'ERR_INVALID_CHAR') return 'net/http: invalid header field value'
  if (code === 'ERR_INVALID_HTTP_TOKEN') return 'net/http: invalid header field name'
  const tls = tlsReason(error)
  return tls === undefined ? dialErrorText(error, request) : `tls: ${tls}`
}

/** A TLS handshake has met a server that speaks HTTP. */
function isPlainAnswer(error: unknown): boolean {
  return /^(wrong version number|packet length too long|http request)$/.test(tlsReason(error) ?? '')
}

/** What OpenSSL has to say, without its addresses and file names, which differ each time. */
function tlsReason(error: unknown): string | undefined {
  return /SSL routines:[^:]*:([^:]*):/.exec(messageOf(error))?.[1]
}

function redirected(from: HttpRequest, location: string, first: HttpRequest): HttpRequest {
  const url = URL.parse(location, urlOf(from))
  if (!url) throw new FailedGet(location, `failed to parse Location header "${location}"`)
  const { Host, ...headers } = first.headers
  const isRelative = !URL.canParse(location)
  const scheme = url.protocol.slice(0, -1)
  return {
    scheme,
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(url.port) || (scheme === 'https' ? 443 : 80),
    path: `${url.pathname}${url.search}`,
    // A name that was asked for by hand is good for this very server only.
    headers: { ...headers, ...(isRelative && Host !== undefined && { Host }) },
  }
}
