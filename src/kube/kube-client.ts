// SPDX-License-Identifier: Apache-2.0
// The Kubernetes API as the rest of the program sees it. One method a verb, plain wire objects in and
// out, no caching and no retry here: callers are level-driven and decide themselves.
// The implementation over HTTP is in http-kube-client.ts.
import type { ObjectName, Resource } from './resources.ts'
import type { ObjectMeta } from './types.gen.ts'

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Ends the call with a Timeout error; default 30 s, for watches none. */
  readonly timeoutMs?: number
}

/** An object about to be created: the server fills in what its metadata lacks. */
export type Unsaved<T> = Omit<T, 'metadata'> & { readonly metadata?: ObjectMeta }

export interface ListOptions extends CallOptions {
  readonly namespace?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  /** Objects per page; default 500. */
  readonly limit?: number
  readonly continue?: string
  /** `'0'` allows the server's cache; left out, the newest state is read. */
  readonly resourceVersion?: string
}

export interface ListPage<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  /** Set when more pages follow. */
  readonly continue?: string
}

export interface WatchOptions extends CallOptions {
  readonly namespace?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  readonly resourceVersion?: string
  /** Streams the present objects first, ended by a bookmark (WatchList). */
  readonly sendInitialEvents?: boolean
  /** The server ends the watch by itself after this long. */
  readonly timeoutSeconds?: number
  /** Called once the server has accepted the watch, before its first event. */
  readonly onOpen?: () => void
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK'
      readonly resourceVersion: string
      /** True for the bookmark that ends the initial events. */
      readonly isInitialEventsEnd: boolean
    }

/** Patch kinds by the name that Kubernetes gives them. */
export type PatchType = 'strategic' | 'merge' | 'json' | 'apply'

export interface PatchRequest {
  readonly type: PatchType
  readonly body: unknown
  readonly subresource?: string
  /** For `apply`. */
  readonly fieldManager?: string
  readonly force?: boolean
}

export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
}

/**
 * Talks to one API server with one identity. Every method rejects with an `ApiError` when the server
 * refuses, and with a `VkError` of code Unavailable or Timeout when it cannot be reached.
 */
export interface KubeClient extends AsyncDisposable {
  /** Base URL of the API server. */
  readonly server: string
  get<T>(resource: Resource<T>, at: ObjectName, options?: CallOptions): Promise<T>
  /** One page; follow `continue` for more. */
  list<T>(resource: Resource<T>, options?: ListOptions): Promise<ListPage<T>>
  /** Ends normally when the server closes the watch; throws `ApiError` 410 when it lost its place. */
  watch<T>(resource: Resource<T>, options?: WatchOptions): AsyncIterable<WatchEvent<T>>
  /** Namespace from the object's metadata. */
  create<T>(resource: Resource<T>, object: Unsaved<T>, options?: CallOptions): Promise<T>
  /** POST to a subresource such as `serviceaccounts/x/token` or `pods/x/binding`. */
  createSubresource<B, R>(
    resource: Resource<unknown>,
    at: ObjectName & { readonly subresource: string },
    body: B,
    options?: CallOptions,
  ): Promise<R>
  /** PUT; the object's resourceVersion, when set, must still be the stored one. */
  replace<T>(
    resource: Resource<T>,
    object: T,
    options?: CallOptions & { readonly subresource?: string },
  ): Promise<T>
  patch<T>(
    resource: Resource<T>,
    at: ObjectName,
    patch: PatchRequest,
    options?: CallOptions,
  ): Promise<T>
  delete(resource: Resource<unknown>, at: ObjectName, options?: DeleteOptions): Promise<void>
  /** GET of any other path, such as /version; the parsed JSON body. */
  getRaw(path: string, options?: CallOptions): Promise<unknown>
}
