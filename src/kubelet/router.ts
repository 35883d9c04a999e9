// SPDX-License-Identifier: Apache-2.0
// Finds the route of a request. Rights hang on the route that was matched and not on the path as it
// was written, so that no spelling of a path can be judged as one thing and answered as another.
import Router from 'find-my-way'
import { subresourcesOf } from './authorization/subresources.ts'
import type { Exchange } from './listener.ts'

export type RouteMethod = 'GET' | 'POST' | 'PUT'

/** A request on its way through a route. */
export interface RouteCall extends Exchange {
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string | undefined>>
  readonly query: URLSearchParams
  /** Name of the user; empty where nobody asks who calls. */
  readonly caller: string
}

export interface Route {
  readonly methods: readonly RouteMethod[]
  /** In find-my-way's notation; a trailing slash makes no difference. */
  readonly path: string
  handle(call: RouteCall): Promise<void> | void
}

/** Where a request leads. `subresources` are the rights of which any one opens it. */
export type Match =
  | {
      readonly kind: 'route'
      readonly route: Route
      readonly subresources: readonly string[]
      readonly params: Readonly<Record<string, string | undefined>>
      readonly query: URLSearchParams
    }
  | {
      readonly kind: 'otherMethod'
      readonly allow: readonly RouteMethod[]
      readonly subresources: readonly string[]
    }
  | { readonly kind: 'unknown'; readonly subresources: readonly string[] }
  | { readonly kind: 'badUrl' }

const allMethods: readonly RouteMethod[] = ['GET', 'POST', 'PUT']
/** Longer than any name that Kubernetes allows. */
const maxParamLength = 1024

/** The routes of one server. */
export class RouteTable {
  readonly #router = Router({ ignoreTrailingSlash: true, maxParamLength })

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const store: Target = { route, subresources: subresourcesOf(route.path) }
      this.#router.on([...route.methods], route.path, () => {}, store)
    }
  }

  match(method: string | undefined, url: string): Match {
    const queryAt = url.indexOf('?')
    const path = queryAt === -1 ? url : url.slice(0, queryAt)
    if (!isWellFormed(path)) return { kind: 'badUrl' }
    const wanted = allMethods.find((known) => known === method)
    const found = wanted && this.#find(wanted, path)
    if (found) {
      const query = new URLSearchParams(queryAt === -1 ? '' : url.slice(queryAt + 1))
      const { params, route, subresources } = found
      return { kind: 'route', route, subresources, params, query }
    }
    const others = allMethods.filter((other) => this.#find(other, path))
    if (others.length === 0) return { kind: 'unknown', subresources: subresourcesOf(path) }
    return { kind: 'otherMethod', allow: others, subresources: subresourcesOf(path) }
  }

  #find(method: RouteMethod, path: string) {
    const found = this.#router.find(method, path)
    if (!found) return undefined
    const { route, subresources } = found.store as Target
    return { route, subresources, params: found.params }
  }
}

interface Target {
  readonly route: Route
  readonly subresources: readonly string[]
}

function isWellFormed(path: string): boolean {
  if (!path.startsWith('/')) return false
  if (!path.includes('%')) return true
  try {
    decodeURIComponent(path)
    return true
  } catch {
    // The only error there is: a percent sign that does not begin an encoded character.
    return false
  }
}
