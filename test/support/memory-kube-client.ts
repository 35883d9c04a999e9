// SPDX-License-Identifier: Apache-2.0
// A KubeClient without sockets, over the store of the fake API server: for tests that move a fake clock,
// which cannot wait for a network. Calls are recorded, and a test can fail, delay or lose any of them.
import { ApiError } from '../../src/kube/api-error.ts'
import type {
  CallOptions,
  DeleteOptions,
  KubeClient,
  ListOptions,
  ListPage,
  PatchRequest,
  Unsaved,
  WatchEvent,
  WatchOptions,
} from '../../src/kube/kube-client.ts'
import type { ObjectName, Resource } from '../../src/kube/resources.ts'
import { mergePatch } from './fake-api/merge-patch.ts'
import { selectorOf } from './fake-api/selector.ts'
import { Store } from './fake-api/store.ts'
import type { StoredChange } from './fake-api/store.ts'
import { Refusal } from './fake-api/wire-object.ts'
import type { WireObject } from './fake-api/wire-object.ts'

/** One call as it arrived. */
export interface MemoryCall {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'replace' | 'patch' | 'delete'
  readonly plural: string
  readonly name: string
  readonly subresource?: string | undefined
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

/** What stands between client and store; may throw, or hang until the call's signal aborts. */
export type Interceptor = (call: MemoryCall) => void | Promise<void>

/** An API server in memory, spoken to by method calls. */
export class MemoryKubeClient implements KubeClient {
  readonly server = 'memory:'
  readonly store: Store = new Store()
  readonly calls: MemoryCall[] = []
  /** Whom a SelfSubjectReview names; other rights are not played. */
  username = 'admin'
  /** Called before the store is touched: the request is lost when it throws. */
  before: Interceptor = () => {}
  /** Called after it: the reply is lost when it throws. */
  after: Interceptor = () => {}

  /** Calls of a verb and kind so far. */
  count(verb: MemoryCall['verb'], plural: string): number {
    return this.calls.filter((call) => call.verb === verb && call.plural === plural).length
  }

  async get<T>(resource: Resource<T>, at: ObjectName, options: CallOptions = {}): Promise<T> {
    return await this.#serve<T>({ verb: 'get', resource, name: at.name, options }, (collection) =>
      this.store.get({ collection, ...at }),
    )
  }

  async list<T>(resource: Resource<T>, options: ListOptions = {}): Promise<ListPage<T>> {
    const items = await this.#serve({ verb: 'list', resource, name: '', options }, (collection) =>
      this.store.list(collection).filter(selectorFor(options)),
    )
    return { items: items as readonly T[], resourceVersion: String(this.store.revision) }
  }

  async *watch<T>(resource: Resource<T>, options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const { signal, resourceVersion = '0', sendInitialEvents = false } = options
    const collection = await this.#serve<string>(
      { verb: 'watch', resource, name: '', options },
      (place) => place,
    )
    const matches = selectorFor(options)
    const pending: StoredChange[] = []
    let wake = (): void => {}
    using _listener = this.store.onChange((change) => {
      pending.push(change)
      wake()
    })
    if (sendInitialEvents) {
      for (const object of this.store.list(collection).filter(matches)) {
        yield { type: 'ADDED', object: object as unknown as T }
      }
      const version = String(this.store.revision)
      yield { type: 'BOOKMARK', resourceVersion: version, isInitialEventsEnd: true }
    } else {
      const missed = this.store.changesSince(Number(resourceVersion))
      if (!missed) throw new ApiError(410, 'Cannot watch: too old resource version')
      pending.push(...missed)
    }
    const onAbort = (): void => wake()
    signal?.addEventListener('abort', onAbort)
    const isAborted = (): boolean => signal?.aborted === true
    while (!isAborted()) {
      const change = pending.shift()
      if (change === undefined) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      const event = change.collection === collection ? eventOf<T>(change, matches) : undefined
      if (event) yield event
    }
    signal?.throwIfAborted()
  }

  async create<T>(
    resource: Resource<T>,
    object: Unsaved<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const given = object as unknown as WireObject
    const call = { verb: 'create', resource, body: object, options } as const
    if (resource.kind === 'SelfSubjectReview') {
      const status = { userInfo: { username: this.username } }
      return await this.#serve<T>({ ...call, name: '' }, () => ({ ...given, status }))
    }
    const { name, namespace } = given.metadata
    return await this.#serve<T>({ ...call, name }, (collection) =>
      this.store.create(collection, namespace, given),
    )
  }

  async createSubresource<B, R>(
    resource: Resource<unknown>,
    at: ObjectName & { readonly subresource: string },
    body: B,
    options: CallOptions = {},
  ): Promise<R> {
    return await this.#serve<R>({ verb: 'create', resource, ...at, body, options }, () => body)
  }

  async replace<T>(
    resource: Resource<T>,
    object: T,
    options: CallOptions & { readonly subresource?: string } = {},
  ): Promise<T> {
    const given = object as unknown as WireObject
    const { name, namespace } = given.metadata
    const call = { verb: 'replace', resource, name, body: object, options } as const
    return await this.#serve<T>({ ...call, subresource: options.subresource }, (collection) =>
      this.store.update({ collection, namespace, name }, () => structuredClone(given)),
    )
  }

  async patch<T>(
    resource: Resource<T>,
    at: ObjectName,
    patch: PatchRequest,
    options: CallOptions = {},
  ): Promise<T> {
    const { body, subresource, type } = patch
    const call = { verb: 'patch', resource, name: at.name, body, subresource, options } as const
    return await this.#serve<T>(call, (collection) =>
      this.store.update(
        { collection, ...at },
        (old) => mergePatch(structuredClone(old), body, type === 'strategic') as WireObject,
      ),
    )
  }

  async delete(
    resource: Resource<unknown>,
    at: ObjectName,
    options: DeleteOptions = {},
  ): Promise<void> {
    await this.#serve({ verb: 'delete', resource, name: at.name, options }, (collection) =>
      this.store.delete({ collection, ...at }, options),
    )
  }

  getRaw(path: string): Promise<unknown> {
    return Promise.reject(new ApiError(404, `Cannot get "${path}": the memory client has no paths`))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  async #serve<R>(
    given: Omit<MemoryCall, 'plural' | 'signal'> & {
      readonly resource: Resource<unknown>
      readonly options: CallOptions
    },
    act: (collection: string) => unknown,
  ): Promise<R> {
    const { resource, options, ...rest } = given
    const { signal } = options
    const call = { ...rest, plural: resource.plural, signal }
    signal?.throwIfAborted()
    this.calls.push(call)
    await this.before(call)
    const answer = actOrRefuse(() => act(`${resource.apiVersion}/${resource.plural}`))
    await this.after(call)
    signal?.throwIfAborted()
    return answer as R
  }
}

function actOrRefuse(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code, message, reason } = error
    throw new ApiError(code, message, { status: { reason, message, code } })
  }
}

function selectorFor(options: ListOptions): (object: WireObject) => boolean {
  const { namespace, fieldSelector = null, labelSelector = null } = options
  return selectorOf({ namespace, fieldSelector, labelSelector })
}

function eventOf<T>(
  { object, previous }: StoredChange,
  matches: (object: WireObject) => boolean,
): WatchEvent<T> | undefined {
  const is = object !== undefined && matches(object)
  const was = previous !== undefined && matches(previous)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: object as unknown as T }
  if (was) return { type: 'DELETED', object: previous as unknown as T }
  return undefined
}
