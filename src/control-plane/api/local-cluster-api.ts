// SPDX-License-Identifier: Apache-2.0
// The API for controllers of this process: the same verbs as over HTTPS, without the wire. Reads are of
// storage itself; writes resolve once they are durable.
import type { Resource } from '../../kube/resources.ts'
import { serviceAccountUser } from '../auth/service-account-user.ts'
import { definitionOf } from './definition-of.ts'
import type { Logger } from '../../util/logger.ts'
import type {
  ClusterApi,
  DeleteRequest,
  EventRecord,
  EventSubject,
  NewObject,
  ObjectChange,
  ObjectPlace,
} from '../controllers/cluster-api.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import type { Stored } from '../storage/store.ts'
import { keyOf, shown } from './api-core.ts'
import type { ApiCore, Place, WriteOptions } from './api-core.ts'
import { bindPod } from './bind-pod.ts'
import { ControllerEvents } from './controller-events.ts'
import { createObject } from './create-object.ts'
import { deleteObject } from './delete-object.ts'
import { scaleOf, withScale } from './scale-object.ts'
import { updateObject } from './update-object.ts'

export interface LocalClusterApiOptions {
  /** Its identity is system:serviceaccount:kube-system:<controller>. */
  readonly controller: string
  /** What its events name as their source; default: `controller`. */
  readonly eventSource?: string
  readonly log: Logger
}

/** The API as one controller sees it. */
export function localClusterApi(core: ApiCore, options: LocalClusterApiOptions): ClusterApi {
  return new LocalClusterApi(core, options)
}

class LocalClusterApi implements ClusterApi {
  readonly #core: ApiCore
  readonly #options: WriteOptions
  readonly #events: ControllerEvents

  constructor(core: ApiCore, options: LocalClusterApiOptions) {
    const { controller, eventSource = controller, log } = options
    const user = serviceAccountUser({ namespace: 'kube-system', name: controller })
    this.#core = core
    this.#options = { user, isDryRun: false, warn: () => {} }
    this.#events = new ControllerEvents(core, { user, component: eventSource, log })
  }

  get<T>(resource: Resource<T>, at: ObjectPlace): T | undefined {
    const place = placeOf(resource, at)
    const stored = this.#core.store.get(keyOf(place))
    return stored && (shown(place.resource, stored) as T)
  }

  list<T>(resource: Resource<T>, namespace?: string): readonly T[] {
    const definition = definitionOf(resource)
    const { items } = this.#core.store.list(definition.storage, namespace)
    return items.map((stored) => shown(definition, stored) as T)
  }

  onChange<T>(resource: Resource<T>, listener: (change: ObjectChange<T>) => void): Disposable {
    const definition = definitionOf(resource)
    const read = (stored: Stored | undefined): T | undefined =>
      stored && (shown(definition, stored) as T)
    return this.#core.store.onChange(definition.storage, ({ current, previous }) => {
      listener({ current: read(current), previous: read(previous) })
    })
  }

  async create<T>(resource: Resource<T>, object: NewObject<T>): Promise<T> {
    const definition = definitionOf(resource)
    const { apiVersion, kind } = resource
    const { namespace = '' } = object.metadata
    const given = { ...object, apiVersion, kind } as unknown as KubeObject
    const created = createObject(
      this.#core,
      { resource: definition, namespace },
      given,
      this.#options,
    )
    await this.#core.store.durable()
    return created as T
  }

  async update<T>(resource: Resource<T>, object: T): Promise<T> {
    return await this.#change(resource, object, '')
  }

  async updateStatus<T>(resource: Resource<T>, object: T): Promise<T> {
    return await this.#change(resource, object, 'status')
  }

  async patch<T>(
    resource: Resource<T>,
    at: ObjectPlace,
    patch: Readonly<Record<string, unknown>>,
    subresource = '',
  ): Promise<T> {
    const place = { ...placeOf(resource, at), subresource }
    const change = (old: KubeObject): KubeObject =>
      subresource === 'scale'
        ? withScale(old, applyMergePatch(scaleOf(old), patch) as KubeObject)
        : (applyMergePatch(old, patch) as KubeObject)
    const { object } = updateObject(this.#core, place, change, this.#options)
    await this.#core.store.durable()
    return object as T
  }

  async delete(
    resource: Resource<unknown>,
    at: ObjectPlace,
    request: DeleteRequest = {},
  ): Promise<void> {
    const options = { ...request, user: this.#options.user, isDryRun: false }
    deleteObject(this.#core, placeOf(resource, at), options)
    await this.#core.store.durable()
  }

  async bind(at: Required<ObjectPlace>, nodeName: string, uid: string): Promise<void> {
    const resource = definitionOf({ apiVersion: 'v1', plural: 'pods' })
    bindPod(this.#core, { ...at, resource, subresource: '' }, { nodeName, uid }, this.#options)
    await this.#core.store.durable()
  }

  recordEvent(about: EventSubject, event: EventRecord): void {
    this.#events.record(about, event)
  }

  async #change<T>(resource: Resource<T>, object: T, subresource: string): Promise<T> {
    const given = object as unknown as KubeObject
    const place = { ...placeOf(resource, named(given)), subresource }
    const result = updateObject(this.#core, place, () => given, this.#options)
    await this.#core.store.durable()
    return result.object as T
  }
}

function placeOf(resource: Resource<unknown>, { name, namespace = '' }: ObjectPlace): Place {
  return { resource: definitionOf(resource), namespace, name, subresource: '' }
}

function named({ metadata }: KubeObject): ObjectPlace {
  const { name = '', namespace = '' } = metadata
  return { name, namespace }
}
