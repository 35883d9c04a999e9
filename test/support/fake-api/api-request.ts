// SPDX-License-Identifier: Apache-2.0
// A request to the fake API server, taken apart: which verb on which object or collection.
import type { Place } from './store.ts'

/** What the request log keeps, and what fault matchers see. */
export interface ApiRequest {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** `v1/pods`, `coordination.k8s.io/v1/leases`; empty for other paths such as /version. */
  readonly collection: string
  /** The plural name alone. */
  readonly resource: string
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
  readonly body: unknown
  /** Filled in when answered; 0 when the connection was cut instead. */
  status: number
}

const verbs: Readonly<Record<string, ApiRequest['verb']>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** Takes method and URL apart. */
export function parseRequest(request: {
  readonly method: string
  readonly url: string
  readonly headers: ApiRequest['headers']
  readonly body: unknown
}): ApiRequest {
  const { method, headers, body } = request
  const url = new URL(request.url, 'http://fake')
  const place = parsePath(url.pathname)
  const isWatch = ['true', '1'].includes(url.searchParams.get('watch') ?? '')
  const reading = isWatch ? 'watch' : place.name === undefined ? 'list' : 'get'
  return {
    ...place,
    verb: verbs[method] ?? reading,
    method,
    path: url.pathname,
    query: url.searchParams,
    headers,
    body,
    status: 0,
  }
}

/** The object that the request names. */
export function placeOf(request: ApiRequest): Place {
  const { collection, namespace, name = '' } = request
  return { collection, namespace, name }
}

function parsePath(
  path: string,
): Pick<ApiRequest, 'collection' | 'resource' | 'namespace' | 'name' | 'subresource'> {
  const parts = path.split('/').slice(1).map(decodeURIComponent)
  const apiVersion = parts[0] === 'api' ? parts[1] : `${parts[1]}/${parts[2]}`
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3)
  const isNamespaced = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status'
  const namespace = isNamespaced ? rest[1] : undefined
  const [resource = '', name, subresource] = isNamespaced ? rest.slice(2) : rest
  const collection = resource === '' || parts[0]?.startsWith('api') !== true ? '' : resource
  return {
    collection: collection === '' ? '' : `${apiVersion}/${collection}`,
    resource,
    namespace,
    name,
    subresource,
  }
}
