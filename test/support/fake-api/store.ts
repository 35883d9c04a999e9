// SPDX-License-Identifier: Apache-2.0
// The objects of the fake API server, with what a client may rely on: uids, one resourceVersion that
// grows with each change, optimistic locking, graceful deletion of pods, finalizers, and a history
// that watches resume from until it is forgotten.
import { randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { Refusal } from './wire-object.ts'
import type { WireObject } from './wire-object.ts'

/** Which collection, such as `v1/pods`, and who in it. */
export interface Place {
  readonly collection: string
  readonly namespace?: string | undefined
  readonly name: string
}

/** A change, as the history keeps it. */
export interface StoredChange {
  readonly collection: string
  readonly revision: number
  readonly object: WireObject | undefined
  readonly previous: WireObject | undefined
}

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

/** In-memory storage of any kind of object. */
export class Store {
  readonly #collections = new Map<string, Map<string, WireObject>>()
  readonly #listeners = new Set<(change: StoredChange) => void>()
  #history: StoredChange[] = []
  #revision = 1000
  #oldestRevision = 0

  get revision(): number {
    return this.#revision
  }

  /** Changes after `revision`; undefined when they are no longer all known. */
  changesSince(revision: number): readonly StoredChange[] | undefined {
    if (revision < this.#oldestRevision) return undefined
    return this.#history.filter((change) => change.revision > revision)
  }

  /** Forgets the history: whoever wants to resume from before now must list again. */
  forgetHistory(): void {
    this.#revision += 1
    this.#oldestRevision = this.#revision
    this.#history = []
  }

  onChange(listener: (change: StoredChange) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  list(collection: string): readonly WireObject[] {
    const objects = [...(this.#collections.get(collection)?.entries() ?? [])]
    return objects.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
  }

  find(place: Place): WireObject | undefined {
    return this.#collections.get(place.collection)?.get(keyOf(place))
  }

  get(place: Place): WireObject {
    const object = this.find(place)
    if (object) return object
    const plural = place.collection.split('/').at(-1)
    throw new Refusal(404, 'NotFound', `${plural} "${place.name}" not found`)
  }

  create(collection: string, namespace: string | undefined, given: WireObject): WireObject {
    const { generateName, ...meta } = given.metadata
    const name = meta.name ?? `${generateName ?? ''}${randomBytes(3).toString('hex')}`
    const place = { collection, namespace, name }
    if (this.find(place)) {
      throw new Refusal(409, 'AlreadyExists', `${collection} "${name}" already exists`)
    }
    const metadata = {
      ...meta,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: timestamp(0),
      resourceVersion: '',
    }
    const isPod = collection === 'v1/pods'
    const status = isPod ? { status: { phase: 'Pending', ...given.status } } : {}
    return this.#put(place, { ...given, metadata, ...status }, undefined)
  }

  /** Stores what `change` makes of the object, unless it makes no difference. */
  update(place: Place, change: (old: WireObject) => WireObject): WireObject {
    const old = this.get(place)
    const next = change(old)
    checkPreconditions(old, {
      uid: next.metadata.uid,
      resourceVersion: next.metadata.resourceVersion,
    })
    // What only the server writes stays as it was.
    const { uid, creationTimestamp, name, namespace, deletionTimestamp } = old.metadata
    const kept = { uid, creationTimestamp, name, namespace, deletionTimestamp, resourceVersion: '' }
    const metadata = JSON.parse(
      JSON.stringify({ ...next.metadata, ...kept }),
    ) as typeof old.metadata
    const object = { ...next, metadata }
    const before = { ...old, metadata: { ...old.metadata, resourceVersion: '' } }
    if (isDeepStrictEqual(before, object)) return old
    if (deletionTimestamp !== undefined && !object.metadata.finalizers?.length) {
      const isGraceful = (object.metadata.deletionGracePeriodSeconds ?? 0) > 0
      if (!isGraceful) return this.#remove(place, object)
    }
    return this.#put(place, object, old)
  }

  delete(place: Place, request: DeleteRequest = {}): WireObject {
    const old = this.get(place)
    checkPreconditions(old, request.preconditions ?? {})
    const graceSeconds = graceOf(old, place, request)
    const hasFinalizers = (old.metadata.finalizers?.length ?? 0) > 0
    if (graceSeconds === 0 && !hasFinalizers) return this.#remove(place, old)
    const before = old.metadata.deletionGracePeriodSeconds
    if (before !== undefined && before <= graceSeconds) return old
    const metadata = {
      ...old.metadata,
      deletionTimestamp: timestamp(graceSeconds),
      deletionGracePeriodSeconds: graceSeconds,
    }
    return this.#put(place, { ...old, metadata }, old)
  }

  #put(place: Place, object: WireObject, previous: WireObject | undefined): WireObject {
    const stored = this.#stamp(object)
    let objects = this.#collections.get(place.collection)
    if (!objects) this.#collections.set(place.collection, (objects = new Map()))
    objects.set(keyOf(place), stored)
    this.#tell({
      collection: place.collection,
      revision: this.#revision,
      object: stored,
      previous,
    })
    return stored
  }

  #remove(place: Place, object: WireObject): WireObject {
    const last = this.#stamp(object)
    this.#collections.get(place.collection)?.delete(keyOf(place))
    const { collection } = place
    this.#tell({ collection, revision: this.#revision, object: undefined, previous: last })
    return last
  }

  #stamp(object: WireObject): WireObject {
    this.#revision += 1
    const resourceVersion = String(this.#revision)
    return structuredClone({ ...object, metadata: { ...object.metadata, resourceVersion } })
  }

  #tell(change: StoredChange): void {
    this.#history.push(change)
    for (const listener of this.#listeners) listener(change)
  }
}

function keyOf(place: Place): string {
  return `${place.namespace ?? ''}/${place.name}`
}

function checkPreconditions(
  old: WireObject,
  wanted: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined },
): void {
  const { uid, resourceVersion, name } = old.metadata
  if (wanted.uid && wanted.uid !== uid) {
    const message = `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`
    throw new Refusal(409, 'Conflict', `Operation cannot be fulfilled on "${name}": ${message}`)
  }
  if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion) {
    const message = 'the object has been modified; please apply your changes to the latest version'
    throw new Refusal(409, 'Conflict', `Operation cannot be fulfilled on "${name}": ${message}`)
  }
}

// Only pods end gracefully, and only those that run somewhere and have not ended by themselves.
function graceOf(object: WireObject, place: Place, request: DeleteRequest): number {
  const { spec, status } = object
  const hasEnded = status?.['phase'] === 'Succeeded' || status?.['phase'] === 'Failed'
  if (place.collection !== 'v1/pods' || !spec?.['nodeName'] || hasEnded) return 0
  const wanted = request.gracePeriodSeconds ?? spec['terminationGracePeriodSeconds']
  return typeof wanted === 'number' ? wanted : 30
}

function timestamp(inSeconds: number): string {
  return new Date(Date.now() + inSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
}
