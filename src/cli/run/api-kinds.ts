// SPDX-License-Identifier: Apache-2.0
// Where the objects of a kind live in the API, as the API server itself says: one discovery request for
// each group and version that the manifests name.
import { isNotFound } from '../../kube/api-error.ts'
import type { Resource } from '../../kube/resources.ts'
import { UserError } from '../../util/vk-error.ts'
import type { ClusterAccess } from '../cluster-access.ts'
import type { Manifest } from './read-manifests.ts'

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
  }[]
}

/** Looks kinds up, and remembers the answers. */
export class ApiKinds {
  readonly #access: ClusterAccess
  readonly #lists = new Map<string, Promise<ResourceList | undefined>>()

  constructor(access: ClusterAccess) {
    this.#access = access
  }

  /** The resource of that kind; throws a UserError when the API server has none. */
  async resourceOf(apiVersion: string, kind: string): Promise<Resource<Manifest>> {
    const resource = await this.find(apiVersion, kind)
    if (resource !== undefined) return resource
    const list = await this.#list(apiVersion)
    const kinds = (list?.resources ?? []).map((known) => known.kind)
    const near = kinds.find((known) => known.toLowerCase() === kind.toLowerCase())
    throw new UserError(
      `Cannot use kind ${kind} of ${apiVersion}: the API server at ${this.#access.client.server} does not have it`,
      {
        hint: near
          ? `Did you mean ${near}?`
          : list
            ? `In ${apiVersion} there are: ${[...new Set(kinds)].sort().join(', ')}.`
            : `It has nothing in ${apiVersion}: is the apiVersion right?`,
      },
    )
  }

  /** The resource of that kind, or undefined. */
  async find(apiVersion: string, kind: string): Promise<Resource<Manifest> | undefined> {
    const list = await this.#list(apiVersion)
    const found = list?.resources?.find((one) => one.kind === kind && !one.name.includes('/'))
    return found && { apiVersion, kind, plural: found.name, isNamespaced: found.namespaced }
  }

  #list(apiVersion: string): Promise<ResourceList | undefined> {
    let list = this.#lists.get(apiVersion)
    if (list === undefined) this.#lists.set(apiVersion, (list = this.#fetch(apiVersion)))
    return list
  }

  async #fetch(apiVersion: string): Promise<ResourceList | undefined> {
    const root = apiVersion.includes('/') ? '/apis' : '/api'
    const path = `${root}/${apiVersion.split('/').map(encodeURIComponent).join('/')}`
    try {
      return (await this.#access.client.getRaw(path)) as ResourceList
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}
