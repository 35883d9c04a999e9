// SPDX-License-Identifier: Apache-2.0
// What the fake API server does for each verb but watch.
import { randomUUID } from 'node:crypto'
import type { ApiRequest } from './api-request.ts'
import { placeOf } from './api-request.ts'
import { mergePatch } from './merge-patch.ts'
import { selectorOf } from './selector.ts'
import type { DeleteRequest, Store } from './store.ts'
import { Refusal } from './wire-object.ts'
import type { WireObject } from './wire-object.ts'

/** Answers to what is no storage. */
export interface FakeAnswers {
  /** status of a TokenReview, by its token; default: not authenticated. */
  readonly tokenReview?: (token: string, review: WireObject) => object
  /** status of a SubjectAccessReview; default: not allowed. */
  readonly subjectAccessReview?: (review: WireObject) => object
  /** Token of a TokenRequest; default: a unique word. */
  readonly serviceAccountToken?: (request: ApiRequest) => string
}

// Kinds whose PUT and PATCH leave the status alone, as it has a subresource of its own.
const kindsWithStatus = new Set(['pods', 'nodes', 'namespaces', 'certificatesigningrequests'])

/** Carries requests out against a store. */
export class Verbs {
  readonly #store: Store
  readonly #answers: FakeAnswers
  readonly #continued = new Map<string, readonly WireObject[]>()

  constructor(store: Store, answers: FakeAnswers) {
    this.#store = store
    this.#answers = answers
  }

  /** The answer's HTTP status and body; throws a Refusal. */
  run(request: ApiRequest): { readonly status: number; readonly body: unknown } {
    if (request.collection === '') return { status: 200, body: rawAnswer(request) }
    switch (request.verb) {
      case 'get':
        return { status: 200, body: this.#store.get(placeOf(request)) }
      case 'list':
        return { status: 200, body: this.#list(request) }
      case 'create':
        return { status: 201, body: this.#create(request) }
      case 'update':
        return { status: 200, body: this.#write(request, () => request.body as WireObject) }
      case 'patch':
        return { status: 200, body: this.#patch(request) }
      case 'delete': {
        const options = (request.body ?? {}) as DeleteRequest
        return { status: 200, body: this.#store.delete(placeOf(request), options) }
      }
      case 'watch':
      default:
        throw new Refusal(405, 'MethodNotAllowed', `cannot ${request.verb} here`)
    }
  }

  /** Makes every list that was begun answer 410 for its next page. */
  forgetContinued(): void {
    this.#continued.clear()
  }

  #list(request: ApiRequest): object {
    const { query, namespace, collection } = request
    const token = query.get('continue')
    const matches = selectorOf({
      namespace,
      fieldSelector: query.get('fieldSelector'),
      labelSelector: query.get('labelSelector'),
    })
    const all = token
      ? this.#continued.get(token)
      : this.#store.list(collection).filter((object) => matches(object))
    if (!all) throw new Refusal(410, 'Expired', 'The provided continue parameter is too old')
    const limit = Number(query.get('limit') ?? 0) || all.length
    const metadata: Record<string, string> = {
      resourceVersion: token?.split(':')[0] ?? String(this.#store.revision),
    }
    if (all.length > limit) {
      metadata['continue'] = `${metadata['resourceVersion']}:${randomUUID()}`
      this.#continued.set(metadata['continue'], all.slice(limit))
    }
    return { kind: 'List', apiVersion: 'v1', metadata, items: all.slice(0, limit) }
  }

  #create(request: ApiRequest): unknown {
    const { resource, subresource, collection, namespace } = request
    const body = request.body as WireObject
    if (resource === 'tokenreviews') {
      const token = String(body.spec?.['token'])
      const status = this.#answers.tokenReview?.(token, body) ?? { authenticated: false }
      return { ...body, status }
    }
    if (resource === 'subjectaccessreviews') {
      return { ...body, status: this.#answers.subjectAccessReview?.(body) ?? { allowed: false } }
    }
    if (subresource === 'token') return this.#token(request)
    if (subresource === 'binding') return this.#bind(request)
    if (subresource !== undefined) throw new Refusal(404, 'NotFound', 'no such subresource')
    return this.#store.create(collection, namespace, { ...body, metadata: body.metadata ?? {} })
  }

  #token(request: ApiRequest): object {
    const body = request.body as WireObject
    const seconds = Number(body.spec?.['expirationSeconds'] ?? 3600)
    const token = this.#answers.serviceAccountToken?.(request) ?? `fake-token-${randomUUID()}`
    const expirationTimestamp = new Date(Date.now() + seconds * 1000).toISOString()
    return { ...body, status: { token, expirationTimestamp } }
  }

  #bind(request: ApiRequest): object {
    const { target } = request.body as { readonly target: { readonly name: string } }
    this.#store.update(placeOf(request), (pod) => ({
      ...pod,
      spec: { ...pod.spec, nodeName: target.name },
    }))
    return { kind: 'Status', apiVersion: 'v1', status: 'Success' }
  }

  #patch(request: ApiRequest): WireObject {
    const type = String(request.headers['content-type'])
    const isStrategic = type.startsWith('application/strategic-merge-patch+json')
    if (!isStrategic && !type.startsWith('application/merge-patch+json')) {
      throw new Refusal(415, 'UnsupportedMediaType', `cannot patch with ${type}`)
    }
    return this.#write(
      request,
      (old) => mergePatch(withoutVersion(old), request.body, isStrategic) as WireObject,
    )
  }

  #write(request: ApiRequest, next: (old: WireObject) => WireObject): WireObject {
    const { resource, subresource } = request
    return this.#store.update(placeOf(request), (old) => {
      const wanted = next(old)
      const metadata = { ...wanted.metadata }
      if (subresource === 'status') {
        return { ...old, metadata, ...(wanted.status && { status: wanted.status }) }
      }
      if (!kindsWithStatus.has(resource)) return { ...wanted, metadata }
      const { status: _status, ...rest } = wanted
      return { ...rest, metadata, ...(old.status && { status: old.status }) }
    })
  }
}

// A patch that names no resourceVersion has none as its precondition.
function withoutVersion(object: WireObject): object {
  const { resourceVersion: _version, ...metadata } = object.metadata
  return { ...object, metadata }
}

function rawAnswer(request: ApiRequest): unknown {
  if (request.path === '/version') {
    return { major: '1', minor: '36', gitVersion: 'v1.36.0', platform: 'fake/fake' }
  }
  throw new Refusal(404, 'NotFound', 'the server could not find the requested resource')
}
