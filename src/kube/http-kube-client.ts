// SPDX-License-Identifier: Apache-2.0
// The Kubernetes API over HTTP: verbs to requests, answers to objects or errors. Keeps nothing but
// connections. A message names what was wanted and what the server said about it, never a body.
import type { Metrics } from '../observe/metrics.ts'
import type { Logger } from '../util/logger.ts'
import { answerToError, failureToError } from './api-answer.ts'
import { ApiMetrics } from './api-metrics.ts'
import type { ClusterConnection } from './cluster-connection.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { HttpTransport } from './http-transport.ts'
import type { HttpRequest } from './http-transport.ts'
import type {
  CallOptions,
  DeleteOptions,
  KubeClient,
  ListOptions,
  ListPage,
  PatchRequest,
  PatchType,
  Unsaved,
  WatchEvent,
  WatchOptions,
} from './kube-client.ts'
import { pathOf } from './resources.ts'
import type { ObjectName, Resource } from './resources.ts'
import type { ListMeta, ObjectMeta } from './types.gen.ts'
import { readWatch } from './watch-events.ts'

export interface KubeClientOptions {
  readonly userAgent: string
  readonly metrics?: Metrics
  readonly log: Logger
}

/** A client that talks to the cluster at the other end of `connection`. */
export function createKubeClient(
  connection: ClusterConnection,
  options: KubeClientOptions,
): KubeClient {
  return new HttpKubeClient(connection, options)
}

const defaultTimeoutMs = 30_000
// How long a watch may take to be opened; the server may first wait for its own cache.
const watchOpenTimeoutMs = 60_000

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // YAML is a superset of JSON, and the only name that every server knows.
  apply: 'application/apply-patch+yaml',
}

/** What a call is about, for its metrics and its error. */
interface Call {
  readonly verb: string
  readonly resource: string
  readonly what: string
}

class HttpKubeClient implements KubeClient {
  readonly server: string
  readonly #transport: HttpTransport
  readonly #metrics: ApiMetrics

  constructor(connection: ClusterConnection, options: KubeClientOptions) {
    this.server = connection.server
    this.#transport = new HttpTransport(connection, options)
    this.#metrics = new ApiMetrics(options.metrics)
  }

  async get<T>(resource: Resource<T>, at: ObjectName, options: CallOptions = {}): Promise<T> {
    const request = { method: 'GET', path: pathOf(resource, at), ...limits(options) } as const
    return await this.#call<T>(callOf('get', resource, at), request)
  }

  async list<T>(resource: Resource<T>, options: ListOptions = {}): Promise<ListPage<T>> {
    const { limit = 500 } = options
    const query = new URLSearchParams({ limit: String(limit) })
    if (options.continue !== undefined) query.set('continue', options.continue)
    setSelectors(query, options)
    // A later page is read at the resourceVersion of the first; the server refuses to be told both.
    if (options.continue !== undefined) query.delete('resourceVersion')
    const request = {
      method: 'GET',
      path: `${pathOf(resource, namespaceOf(options))}?${query.toString()}`,
      ...limits(options),
    } as const
    const list = await this.#call<WireList<T>>(callOf('list', resource, options), request)
    return {
      items: withKinds(list.items ?? [], resource),
      resourceVersion: list.metadata?.resourceVersion ?? '',
      ...(list.metadata?.continue ? { continue: list.metadata.continue } : {}),
    }
  }

  async *watch<T>(
    resource: Resource<T>,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const call = callOf('watch', resource, options)
    const request = {
      method: 'GET',
      path: `${pathOf(resource, namespaceOf(options))}?${watchQuery(options).toString()}`,
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? watchOpenTimeoutMs,
    } as const
    let status = 0
    try {
      const stream = await this.#transport.openStream(request)
      status = stream.status
      if (status === 200) options.onOpen?.()
      yield* readWatch<T>(stream, call.what)
    } catch (error) {
      throw failureToError(error, `watch ${call.what}`, options.signal)
    } finally {
      this.#metrics.count(call.verb, call.resource, status)
    }
  }

  async create<T>(
    resource: Resource<T>,
    object: Unsaved<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const at = namespaceOf(object.metadata ?? {})
    const { apiVersion, kind } = resource
    const request = {
      method: 'POST',
      path: pathOf(resource, at),
      ...jsonBody({ apiVersion, kind, ...object }),
      ...limits(options),
    } as const
    const name = object.metadata?.name
    return await this.#call<T>(callOf('create', resource, name ? { ...at, name } : at), request)
  }

  async createSubresource<B, R>(
    resource: Resource<unknown>,
    at: ObjectName & { readonly subresource: string },
    body: B,
    options: CallOptions = {},
  ): Promise<R> {
    const path = pathOf(resource, at)
    const request = { method: 'POST', path, ...jsonBody(body), ...limits(options) } as const
    return await this.#call<R>(callOf('create', resource, at), request)
  }

  async replace<T>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const { subresource } = options
    const { metadata } = object as { readonly metadata?: ObjectMeta }
    const at = {
      ...namespaceOf(metadata ?? {}),
      name: metadata?.name ?? '',
      ...(subresource === undefined ? {} : { subresource }),
    }
    const { apiVersion, kind } = resource
    const request = {
      method: 'PUT',
      path: pathOf(resource, at),
      ...jsonBody({ apiVersion, kind, ...object }),
      ...limits(options),
    } as const
    return await this.#call<T>(callOf('update', resource, at), request)
  }

  async patch<T>(
    resource: Resource<T>,
    at: ObjectName,
    patch: PatchRequest,
    options: CallOptions = {},
  ): Promise<T> {
    const { type, body, subresource, fieldManager, force } = patch
    const place = subresource === undefined ? at : { ...at, subresource }
    let path = pathOf(resource, place)
    if (fieldManager !== undefined) path += `?fieldManager=${encodeURIComponent(fieldManager)}`
    if (force) path += `${fieldManager === undefined ? '?' : '&'}force=true`
    const request = {
      method: 'PATCH',
      path,
      body: JSON.stringify(body),
      contentType: patchContentTypes[type],
      ...limits(options),
    } as const
    return await this.#call<T>(callOf('patch', resource, place), request)
  }

  async delete(
    resource: Resource<unknown>,
    at: ObjectName,
    options: DeleteOptions = {},
  ): Promise<void> {
    const { gracePeriodSeconds, preconditions, propagationPolicy } = options
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(preconditions && { preconditions }),
      ...(propagationPolicy && { propagationPolicy }),
    }
    const path = pathOf(resource, at)
    const request = { method: 'DELETE', path, ...jsonBody(body), ...limits(options) } as const
    await this.#send(callOf('delete', resource, at), request)
  }

  async getRaw(path: string, options: CallOptions = {}): Promise<unknown> {
    const call = { verb: 'get', resource: 'raw', what: `"${path}"` }
    return await this.#call<unknown>(call, { method: 'GET', path, ...limits(options) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]()
  }

  async #call<T>(call: Call, request: HttpRequest): Promise<T> {
    const { body } = await this.#send(call, request)
    try {
      return JSON.parse(body) as T
    } catch {
      // The parser's own message quotes the text, which may hold a Secret.
      const error = new SyntaxError('the answer is no JSON')
      throw failureToError(error, `${call.verb} ${call.what}`, request.signal)
    }
  }

  async #send(call: Call, request: HttpRequest): Promise<HttpAnswer> {
    const startMs = performance.now()
    let status = 0
    try {
      const answer = await this.#transport.exchange(request)
      status = answer.status
      if (status >= 400) throw answerToError(answer, `${call.verb} ${call.what}`)
      return answer
    } catch (error) {
      throw failureToError(error, `${call.verb} ${call.what}`, request.signal)
    } finally {
      this.#metrics.observe(call, status, performance.now() - startMs)
    }
  }
}

interface WireList<T> {
  readonly metadata?: ListMeta
  readonly items?: readonly T[] | null
}

// The server leaves kind and apiVersion out of a list's items; a lone object has them.
function withKinds<T>(items: readonly T[], resource: Resource<T>): readonly T[] {
  const { apiVersion, kind } = resource
  return items.map((item) => ({ apiVersion, kind, ...item }))
}

function callOf(
  verb: string,
  resource: Resource<unknown>,
  at: {
    readonly namespace?: string
    readonly name?: string
    readonly subresource?: string
    readonly fieldSelector?: string
  },
): Call {
  const kind =
    at.subresource === undefined ? resource.plural : `${resource.plural}/${at.subresource}`
  const place = [at.namespace, at.name].filter((part) => part !== undefined).join('/')
  const named = place === '' ? kind : `${kind} "${place}"`
  const what = at.fieldSelector === undefined ? named : `${named} where ${at.fieldSelector}`
  return { verb, resource: kind, what }
}

function limits(options: CallOptions): Pick<HttpRequest, 'signal' | 'timeoutMs'> {
  return { signal: options.signal, timeoutMs: options.timeoutMs ?? defaultTimeoutMs }
}

function jsonBody(body: unknown): Pick<HttpRequest, 'body' | 'contentType'> {
  return { body: JSON.stringify(body), contentType: 'application/json' }
}

function namespaceOf(from: { readonly namespace?: string }): { readonly namespace?: string } {
  return from.namespace === undefined ? {} : { namespace: from.namespace }
}

function watchQuery(options: WatchOptions): URLSearchParams {
  const query = new URLSearchParams({ watch: 'true', allowWatchBookmarks: 'true' })
  setSelectors(query, options)
  if (options.timeoutSeconds !== undefined) {
    query.set('timeoutSeconds', String(options.timeoutSeconds))
  }
  if (options.sendInitialEvents) {
    query.set('sendInitialEvents', 'true')
    query.set('resourceVersionMatch', 'NotOlderThan')
  }
  return query
}

function setSelectors(query: URLSearchParams, options: ListOptions | WatchOptions): void {
  const { fieldSelector, labelSelector, resourceVersion } = options
  if (fieldSelector !== undefined) query.set('fieldSelector', fieldSelector)
  if (labelSelector !== undefined) query.set('labelSelector', labelSelector)
  if (resourceVersion !== undefined) query.set('resourceVersion', resourceVersion)
}
