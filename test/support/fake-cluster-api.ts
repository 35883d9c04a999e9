// SPDX-License-Identifier: Apache-2.0
// A ClusterApi in memory, for tests of controllers and the scheduler. It plays what they depend on:
// resourceVersions and 409s, generateName, generation, statuses apart from specs, deletion with grace
// and finalizers, and changes that listeners hear of only after the write. It neither defaults nor
// validates; a test writes complete objects. Nothing happens by itself: tests play kubelet and
// garbage collector.
import { setImmediate as turn } from 'node:timers/promises'
import type {
  ClusterApi,
  DeleteRequest,
  EventRecord,
  EventSubject,
  NewObject,
  ObjectChange,
  ObjectPlace,
} from '../../src/control-plane/controllers/cluster-api.ts'
import {
  alreadyExists,
  badRequest,
  conflict,
  notFound,
  staleVersion,
} from '../../src/control-plane/objects/api-status.ts'
import type { KubeObject, StoredObject } from '../../src/control-plane/objects/kube-object.ts'
import { pods } from '../../src/kube/resources.ts'
import type { Resource } from '../../src/kube/resources.ts'
import type { OwnerReference, Pod } from '../../src/kube/types.gen.ts'
import type { Clock } from '../../src/util/clock.ts'
import { mergePatch } from './fake-api/merge-patch.ts'

/** A write as it arrived, before anything was checked. */
export interface FakeWrite {
  readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'bind'
  readonly resource: Resource<unknown>
  /** Empty for a create that leaves the name to the server. */
  readonly name: string
  readonly namespace: string
  /** '' for the object itself. */
  readonly subresource: string
  /** What create and update write, and the patch. */
  readonly body?: unknown
}

/** An event, and the object that it is about. */
export interface FakeEvent extends EventRecord {
  readonly about: EventSubject
}

type Listener = (change: ObjectChange<StoredObject>) => void

interface Collection {
  /** By `namespace/name`. */
  readonly objects: Map<string, StoredObject>
  readonly listeners: Set<Listener>
  /** Sorted keys; undefined after a key came or went. */
  order: readonly string[] | undefined
}

/** Turns of the event loop without a write after which `settled` believes that nothing moves. */
const quietTurns = 5

/** The API of a cluster whose only inhabitants are the test and what it tests. */
export class FakeClusterApi implements ClusterApi {
  /** All events in the order they were recorded. */
  readonly events: FakeEvent[] = []
  /** All writes, refused ones too. */
  readonly writes: FakeWrite[] = []
  /** Called before a write is looked at; it is refused with what this throws, and may be delayed. */
  before: (write: FakeWrite) => void | Promise<void> = () => {}
  /** Called after a write has been stored; the reply is lost when it throws. */
  after: (write: FakeWrite) => void | Promise<void> = () => {}
  readonly #clock: Clock
  readonly #collections = new Map<string, Collection>()
  #revision = 0
  #names = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Grows by one with each write that changed something. */
  get revision(): number {
    return this.#revision
  }

  get<T>(resource: Resource<T>, at: ObjectPlace): T | undefined {
    return this.#collection(resource).objects.get(keyOf(resource, at)) as T | undefined
  }

  list<T>(resource: Resource<T>, namespace?: string): readonly T[] {
    const collection = this.#collection(resource)
    collection.order ??= [...collection.objects.keys()].sort()
    const all = collection.order.map((key) => collection.objects.get(key))
    return all.filter(
      (object) => namespace === undefined || object?.metadata.namespace === namespace,
    ) as unknown as T[]
  }

  onChange<T>(resource: Resource<T>, listener: (change: ObjectChange<T>) => void): Disposable {
    const { listeners } = this.#collection(resource)
    // A wrapper, so that one function may be registered twice.
    const wrapped: Listener = (change) => listener(change as unknown as ObjectChange<T>)
    listeners.add(wrapped)
    return { [Symbol.dispose]: () => void listeners.delete(wrapped) }
  }

  async create<T>(resource: Resource<T>, object: NewObject<T>): Promise<T> {
    const { name = '', namespace = '' } = object.metadata
    const write = { verb: 'create', name, namespace, subresource: '', body: object } as const
    return await this.#write<T>({ ...write, resource }, () => {
      const { status: _status, ...rest } = object as { readonly status?: unknown } & typeof object
      return this.#insert(resource, rest as unknown as KubeObject)
    })
  }

  async update<T>(resource: Resource<T>, object: T): Promise<T> {
    return await this.#replace(resource, { object, subresource: '' })
  }

  async updateStatus<T>(resource: Resource<T>, object: T): Promise<T> {
    return await this.#replace(resource, { object, subresource: 'status' })
  }

  async patch<T>(
    resource: Resource<T>,
    at: ObjectPlace,
    patch: Readonly<Record<string, unknown>>,
    subresource = '',
  ): Promise<T> {
    const write = { verb: 'patch', ...placeOf(at), subresource, body: patch } as const
    return await this.#write<T>({ ...write, resource }, () => {
      const old = this.#mustGet(resource, at)
      const patched = mergePatch(old, patch, false) as StoredObject
      return this.#change(resource, { old, next: patched, subresource })
    })
  }

  async delete(
    resource: Resource<unknown>,
    at: ObjectPlace,
    request: DeleteRequest = {},
  ): Promise<void> {
    const write = { verb: 'delete', ...placeOf(at), subresource: '', body: request } as const
    await this.#write({ ...write, resource }, () => {
      const old = this.#mustGet(resource, at)
      this.#checkIdentity(resource, old, request.preconditions ?? {})
      return this.#delete(resource, { old, request })
    })
  }

  async bind(at: Required<ObjectPlace>, nodeName: string, uid: string): Promise<void> {
    const write = { verb: 'bind', ...placeOf(at), subresource: 'binding', body: nodeName } as const
    await this.#write({ ...write, resource: pods }, () => {
      const old = this.#mustGet(pods, at)
      const pod = old as unknown as Pod
      if (old.metadata.uid !== uid) throw conflict(nameOf(pods), at.name, 'uid mismatch')
      if ((pod.spec?.nodeName ?? '') !== '') {
        const why = `pod ${at.name} is already assigned to node ${JSON.stringify(pod.spec?.nodeName)}`
        throw conflict({ group: '', plural: 'pods/binding' }, at.name, why)
      }
      const spec = { ...(old['spec'] as object), nodeName }
      return this.#put(pods, { ...old, spec }, old)
    })
  }

  recordEvent(about: EventSubject, event: EventRecord): void {
    this.events.push({ about, ...event })
  }

  /** Stores an object with its status, as it comes from a test; resolves once it is stored. */
  seed<T>(resource: Resource<T>, object: NewObject<T>): T {
    return this.#insert(resource, object as unknown as KubeObject) as unknown as T
  }

  /** Removes an object whatever its finalizers say. */
  vanish(resource: Resource<unknown>, at: ObjectPlace): void {
    this.#remove(resource, this.#mustGet(resource, at))
  }

  /** What a kubelet would write: merges `status` into the pod's. */
  setPodStatus(at: ObjectPlace, status: NonNullable<Pod['status']>): Pod {
    const old = this.#mustGet(pods, at)
    const next = { ...old, status: { ...(old['status'] as object | undefined), ...status } }
    return this.#put(pods, next, old) as unknown as Pod
  }

  /** Events about one object as `Type Reason message`. */
  eventsOf(name: string): readonly string[] {
    return this.events
      .filter(({ about }) => about.metadata.name === name)
      .map(({ type, reason, message }) => `${type} ${reason} ${message}`)
  }

  /** Resolves when nothing has been written for some turns of the event loop. */
  async settled(): Promise<void> {
    let seen = this.writes.length + this.#revision
    for (let quiet = 0; quiet < quietTurns; quiet += 1) {
      await turn()
      const now = this.writes.length + this.#revision
      if (now !== seen) quiet = 0
      seen = now
    }
  }

  async #write<T>(write: FakeWrite, apply: () => StoredObject | undefined): Promise<T> {
    this.writes.push(write)
    await this.before(write)
    const result = apply()
    // As with a durable store: the reply comes no sooner than the change may be told.
    await Promise.resolve()
    await this.after(write)
    return result as T
  }

  #insert(resource: Resource<unknown>, object: KubeObject): StoredObject {
    const { generateName, ...given } = object.metadata
    const name = given.name ?? `${generateName ?? ''}${this.#suffix()}`
    if (name === '') throw badRequest('name or generateName is required')
    const { objects } = this.#collection(resource)
    const { namespace } = given
    if (objects.has(keyOf(resource, { name, ...(namespace !== undefined && { namespace }) }))) {
      throw alreadyExists(nameOf(resource), name)
    }
    const metadata = {
      ...(generateName !== undefined && { generateName }),
      creationTimestamp: this.#now(),
      uid: `uid-${String(this.#revision + 1).padStart(6, '0')}`,
      generation: 1,
      ...given,
      name,
      resourceVersion: '',
    }
    const { apiVersion, kind } = resource
    return this.#put(resource, { ...object, apiVersion, kind, metadata }, undefined)
  }

  async #replace<T>(
    resource: Resource<T>,
    { object, subresource }: { readonly object: T; readonly subresource: string },
  ): Promise<T> {
    const next = object as unknown as StoredObject
    const { name, namespace } = next.metadata
    const at = { name, ...(namespace !== undefined && { namespace }) }
    const write = { verb: 'update', ...placeOf(at), subresource, body: object } as const
    return await this.#write<T>({ ...write, resource }, () => {
      const old = this.#mustGet(resource, at)
      return this.#change(resource, { old, next, subresource })
    })
  }

  /** A write to an object that is there: keeps what this kind of write may not touch. */
  #change(
    resource: Resource<unknown>,
    parts: { old: StoredObject; next: StoredObject; subresource: string },
  ): StoredObject {
    const { old, next, subresource } = parts
    this.#checkIdentity(resource, old, next.metadata)
    if (subresource === 'status' || subresource === 'approval') {
      // As in the real API, annotations may be written along with a status.
      const { annotations } = next.metadata
      const metadata = { ...old.metadata, ...(annotations && { annotations }) }
      return this.#put(resource, withField({ ...old, metadata }, 'status', next['status']), old)
    }
    if (subresource === 'scale') {
      const { replicas } = next['spec'] as { readonly replicas?: number }
      const spec = { ...(old['spec'] as object), replicas }
      return this.#put(resource, withGeneration({ ...old, spec }, old), old)
    }
    const kept = ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds']
    const own = Object.fromEntries(
      Object.entries(old.metadata).filter(([field]) => kept.includes(field)),
    )
    const metadata = { ...next.metadata, ...own, generation: old.metadata.generation ?? 1 }
    const merged = withField({ ...next, metadata }, 'status', old['status'])
    const isGone =
      metadata.deletionTimestamp !== undefined &&
      (metadata.finalizers ?? []).length === 0 &&
      (metadata.deletionGracePeriodSeconds ?? 0) === 0
    return isGone
      ? this.#remove(resource, merged)
      : this.#put(resource, withGeneration(merged, old), old)
  }

  #checkIdentity(
    resource: Resource<unknown>,
    { metadata: { name, ...old } }: StoredObject,
    {
      uid = '',
      resourceVersion = '',
    }: { readonly uid?: string; readonly resourceVersion?: string },
  ): void {
    if (uid !== '' && uid !== old.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.uid}`
      throw conflict(nameOf(resource), name, why)
    }
    if (resourceVersion !== '' && resourceVersion !== old.resourceVersion) {
      throw staleVersion(nameOf(resource), name)
    }
  }

  #delete(
    resource: Resource<unknown>,
    { old, request }: { old: StoredObject; request: DeleteRequest },
  ): StoredObject {
    const graceSeconds = graceOf(old, request.gracePeriodSeconds)
    const added = { Foreground: 'foregroundDeletion', Orphan: 'orphan', Background: undefined }
    const finalizer = added[request.propagationPolicy ?? 'Background']
    const finalizers = new Set([
      ...(old.metadata.finalizers ?? []),
      ...(finalizer === undefined ? [] : [finalizer]),
    ])
    if (graceSeconds === 0 && finalizers.size === 0) return this.#remove(resource, old)
    const { deletionGracePeriodSeconds, deletionTimestamp } = old.metadata
    if (deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) <= graceSeconds) {
      return old
    }
    const metadata = {
      ...old.metadata,
      deletionTimestamp: this.#now(graceSeconds),
      deletionGracePeriodSeconds: graceSeconds,
      ...(finalizers.size > 0 && { finalizers: [...finalizers] }),
      generation: (old.metadata.generation ?? 1) + 1,
    }
    return this.#put(resource, { ...old, metadata }, old)
  }

  #put(
    resource: Resource<unknown>,
    object: KubeObject,
    previous: StoredObject | undefined,
  ): StoredObject {
    if (previous !== undefined && isSame(object, previous)) return previous
    const collection = this.#collection(resource)
    this.#revision += 1
    const metadata = { ...object.metadata, resourceVersion: String(this.#revision) }
    const current = { ...object, metadata } as StoredObject
    collection.objects.set(keyOf(resource, current.metadata), current)
    if (previous === undefined) collection.order = undefined
    this.#tell(collection, { current, previous })
    return current
  }

  #remove(resource: Resource<unknown>, last: StoredObject): StoredObject {
    const collection = this.#collection(resource)
    this.#revision += 1
    collection.objects.delete(keyOf(resource, last.metadata))
    collection.order = undefined
    this.#tell(collection, { current: undefined, previous: last })
    return last
  }

  // One promise a change keeps their order; no listener runs inside the write.
  #tell(collection: Collection, change: ObjectChange<StoredObject>): void {
    queueMicrotask(() => {
      for (const listener of collection.listeners) listener(change)
    })
  }

  #mustGet(resource: Resource<unknown>, at: ObjectPlace): StoredObject {
    const object = this.#collection(resource).objects.get(keyOf(resource, at))
    if (object === undefined) throw notFound(nameOf(resource), at.name)
    return object
  }

  #collection(resource: Resource<unknown>): Collection {
    const id = `${resource.apiVersion}/${resource.plural}`
    let collection = this.#collections.get(id)
    if (collection === undefined) {
      collection = { objects: new Map(), listeners: new Set(), order: undefined }
      this.#collections.set(id, collection)
    }
    return collection
  }

  #now(laterSeconds = 0): string {
    return new Date(this.#clock.nowMs() + laterSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
  }

  #suffix(): string {
    this.#names += 1
    return this.#names.toString(36).padStart(5, '0')
  }
}

/** The reference that makes `owner` the controller of an object; for seeding. */
export function controlledBy(owner: EventSubject): OwnerReference {
  const { apiVersion = '', kind = '', metadata } = owner
  const { name = '', uid = '' } = metadata
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}

function graceOf(object: StoredObject, asked: number | undefined): number {
  if (object.kind !== 'Pod') return 0
  const { spec, status } = object as unknown as Pod
  const isEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  if ((spec?.nodeName ?? '') === '' || isEnded) return 0
  return asked ?? spec?.terminationGracePeriodSeconds ?? 30
}

function keyOf(
  resource: Resource<unknown>,
  { namespace = '', name }: { readonly namespace?: string; readonly name: string },
): string {
  return resource.isNamespaced ? `${namespace}/${name}` : name
}

function placeOf({ name, namespace = '' }: ObjectPlace): Required<ObjectPlace> {
  return { name, namespace }
}

function nameOf({ apiVersion, plural }: Resource<unknown>): { group: string; plural: string } {
  return { group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '', plural }
}

function withField(object: StoredObject, field: string, value: unknown): StoredObject {
  const { [field]: _old, ...rest } = object
  return { ...rest, ...(value !== undefined && { [field]: value }) } as unknown as StoredObject
}

function withGeneration(next: StoredObject, old: StoredObject): StoredObject {
  const isSpecSame = JSON.stringify(next['spec']) === JSON.stringify(old['spec'])
  const generation = (old.metadata.generation ?? 1) + (isSpecSame ? 0 : 1)
  return { ...next, metadata: { ...next.metadata, generation } }
}

function isSame(next: KubeObject, old: StoredObject): boolean {
  const { resourceVersion: _next, ...metadata } = next.metadata
  const { resourceVersion: _old, ...oldMetadata } = old.metadata
  return JSON.stringify({ ...next, metadata }) === JSON.stringify({ ...old, metadata: oldMetadata })
}
