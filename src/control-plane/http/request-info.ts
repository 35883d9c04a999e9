// SPDX-License-Identifier: Apache-2.0
// What a request asks for, read from its method and path alone: the same reading decides who may do it
// and which code does it (k8s.io/apiserver/pkg/endpoints/request).

export type ApiVerb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection'

/** '' for a method that means nothing to the API: only those who may do everything get to be told so. */
export type RequestVerb = ApiVerb | ''

/** A request for something under /api/v1 or /apis/GROUP/VERSION. */
export interface ResourceTarget {
  readonly group: string
  readonly version: string
  /** Empty for cluster-wide resources and for lists over all namespaces. */
  readonly namespace: string
  readonly plural: string
  /** Empty for collections. */
  readonly name: string
  readonly subresource: string
  /** What follows the subresource, with its slash: the path behind `proxy`. */
  readonly rest: string
  readonly verb: RequestVerb
}

export interface RequestInfo {
  readonly method: string
  /** Decoded only where it names objects; as it came, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Undefined for anything that is no resource, such as /version and discovery. */
  readonly target: ResourceTarget | undefined
  /** The verb for authorization of what is no resource: the method in lower case. */
  readonly pathVerb: string
}

/** Reads a request line. A path that cannot be decoded is taken as it is, and will not be found. */
export function readRequestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
  const pathVerb = method.toLowerCase()
  return { method, path, query, target: targetOf(method, path, query), pathVerb }
}

function targetOf(
  method: string,
  path: string,
  query: URLSearchParams,
): ResourceTarget | undefined {
  const parts = path.split('/').slice(1)
  const [prefix, first = '', second = ''] = parts
  if (prefix === 'api') return first === 'v1' ? within('', first, parts.slice(2)) : undefined
  if (prefix === 'apis') return second === '' ? undefined : within(first, second, parts.slice(3))
  return undefined

  function within(
    group: string,
    version: string,
    segments: readonly string[],
  ): ResourceTarget | undefined {
    let rest = segments
    let namespace = ''
    // /namespaces/NAME and its parts `status` and `finalize` are about the namespace itself.
    const isInside =
      rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '')
    if (isInside) {
      namespace = decoded(rest[1] ?? '')
      rest = rest.slice(2)
    }
    const [plural = '', name = '', subresource = '', ...tail] = rest
    if (plural === '') return undefined
    const place = { group, version, namespace, plural, name: decoded(name), subresource }
    const behind = tail.length > 0 ? `/${tail.join('/')}` : ''
    return { ...place, rest: behind, verb: verbOf(method, name, query) }
  }
}

function verbOf(method: string, name: string, query: URLSearchParams): RequestVerb {
  switch (method) {
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete'
    case 'GET':
    case 'HEAD':
      if (name !== '') return 'get'
      return isTrue(query.get('watch')) ? 'watch' : 'list'
    default:
      return ''
  }
}

/** A boolean of a query: present and neither `false` nor `0`. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    // Names never hold a stray percent sign, so nothing will be found under it.
    return segment
  }
}
