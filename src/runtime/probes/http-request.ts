// SPDX-License-Identifier: Apache-2.0
// The request that a pod's `httpGet` stands for. What is odd in it is sent as it is, like a kubelet's,
// rather than refused: such pods work elsewhere.
import type { Container, HTTPGetAction, HTTPHeader } from '../../kube/types.gen.ts'
import { joinHostPort, resolveHost, resolvePort } from './resolve-port.ts'

/** One GET. Names of headers are in the spelling that they have on the wire. */
export interface HttpRequest {
  readonly scheme: string
  readonly host: string
  readonly port: number
  /** With its query, escaped. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[]>>
}

/** The release whose behaviour the probes follow. */
const release = '1.36'
/** What goes out follows from the request itself, whatever the pod says. */
const notOurs = new Set(['Content-Length', 'Transfer-Encoding', 'Trailer'])

/** Throws with a kubelet's words when the action names no port. */
export function httpRequestFor(
  action: HTTPGetAction,
  from: {
    readonly spec: Container
    readonly podIP: string
    readonly purpose: 'probe' | 'lifecycle'
  },
): HttpRequest {
  return {
    scheme: (action.scheme || 'http').toLowerCase(),
    host: resolveHost(action.host, from.podIP),
    port: resolvePort(action.port, from.spec),
    path: wirePath(action.path ?? ''),
    headers: wireHeaders(action.httpHeaders ?? [], from.purpose),
  }
}

/** The URL as messages name it. */
export function urlOf({ scheme, host, port, path }: HttpRequest): string {
  return `${scheme}://${joinHostPort(host, port)}${path}`
}

/** Escapes what has no place in a request line; what is escaped already stays so. */
export function wirePath(path: string): string {
  const [local = ''] = path.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').split('#', 1)
  const rooted = local.startsWith('/') || local.startsWith('?') ? local : `/${local}`
  const whole = rooted.startsWith('?') ? `/${rooted}` : rooted
  return whole
    .toWellFormed()
    .replaceAll(/%(?![\da-f]{2})/gi, '%25')
    .replaceAll(/[^!-~]|["<>\\^`{|}]/gu, (char) => encodeURIComponent(char))
}

function wireHeaders(
  list: readonly HTTPHeader[],
  purpose: string,
): Readonly<Record<string, string | string[]>> {
  const headers = new Map<string, string[]>()
  for (const { name, value } of list) {
    const key = canonical(name)
    if (!notOurs.has(key)) headers.set(key, [...(headers.get(key) ?? []), value])
  }
  if (!headers.has('User-Agent')) headers.set('User-Agent', [`kube-${purpose}/${release}`])
  if (!headers.has('Accept')) headers.set('Accept', ['*/*'])
  // Given as empty they are left out altogether.
  for (const key of ['Accept', 'User-Agent', 'Host']) {
    if (headers.get(key)?.[0] === '') headers.delete(key)
  }
  const single = new Set(['Host', 'User-Agent'])
  return Object.fromEntries(
    [...headers].map(([key, values]) => [key, single.has(key) ? (values[0] ?? '') : values]),
  )
}

function canonical(name: string): string {
  return name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase())
}
