// SPDX-License-Identifier: Apache-2.0
// Deletes what has lost its last owner, lets owners wait for their dependents, and sets dependents free
// when their owner asks for that. Looks at an object when it, an owner or a dependent changes.
import type { Resource } from '../../../kube/resources.ts'
import type { OwnerReference } from '../../../kube/types.gen.ts'
import { WorkQueue } from '../../../kube/work-queue.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import type { ControllerContext, ObjectChange } from '../cluster-api.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'
import { decideGarbage, isWaitingForDependents, orphanFinalizer } from './decide-garbage.ts'
import type { GarbageStep, JudgedReference, OwnerState } from './decide-garbage.ts'
import { DependencyIndex, idOf, keyOf } from './dependency-index.ts'
import type { ObjectId } from './dependency-index.ts'

export interface GarbageCollectorOptions {
  /** All kinds that can own or be owned. Events are left out even when they are listed. */
  readonly resources: readonly Resource<unknown>[]
}

/** Starts the garbage collector. */
export function startGarbageCollector(
  context: ControllerContext,
  options: GarbageCollectorOptions,
): AsyncDisposable {
  return new GarbageCollector(context, options)
}

const backoff = { baseMs: 20, factor: 2, capMs: 60_000, jitter: 0.25 }
const concurrency = 32

class GarbageCollector implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #resources: readonly Resource<unknown>[]
  readonly #index = new DependencyIndex()
  readonly #queue: WorkQueue
  readonly #subscriptions: readonly Disposable[]
  /** What the keys in the queue stand for. */
  readonly #idOfKey = new Map<string, ObjectId>()

  constructor(context: ControllerContext, { resources }: GarbageCollectorOptions) {
    this.#context = context
    this.#resources = resources.filter(({ kind }) => kind !== 'Event')
    const { api, clock, log } = context
    this.#queue = new WorkQueue((key) => this.#work(key), {
      name: 'garbage-collector',
      concurrency,
      clock,
      log,
      backoff,
    })
    this.#subscriptions = this.#resources.map((resource) =>
      api.onChange(resource, (change) =>
        this.#onChange(resource, change as ObjectChange<StoredObject>),
      ),
    )
    const all = this.#resources.flatMap((resource) =>
      (api.list(resource) as readonly StoredObject[]).map((object) => ({ resource, object })),
    )
    // The whole graph first: a dependent must not be looked at before its owners are known.
    for (const { resource, object } of all) {
      this.#index.apply(resource, { current: object, previous: undefined })
    }
    for (const { resource, object } of all) this.#wake(resource, object)
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]()
    await this.#queue[Symbol.asyncDispose]()
  }

  #onChange(resource: Resource<unknown>, change: ObjectChange<StoredObject>): void {
    const { current, previous } = change
    if (current && previous && isSameInGraph(current, previous)) return
    this.#index.apply(resource, change)
    if (current) this.#wake(resource, current)
    if (previous) this.#wakeOwners(previous)
    const isGone = previous && previous.metadata.uid !== current?.metadata.uid
    const startsWaiting =
      current && isWaitingForDependents(current) && !(previous && isWaitingForDependents(previous))
    if (isGone) this.#addDependents(previous.metadata.uid)
    if (startsWaiting) this.#addDependents(current.metadata.uid)
  }

  #wake(resource: Resource<unknown>, object: StoredObject): void {
    const { ownerReferences = [], deletionTimestamp, finalizers = [] } = object.metadata
    if (
      ownerReferences.length === 0 &&
      (deletionTimestamp === undefined || finalizers.length === 0)
    ) {
      return
    }
    const id = idOf(resource, object)
    this.#add(id)
    for (const { uid } of ownerReferences) this.#reportForeignOwner(id, object, uid)
  }

  // An owner that waits may be free to go when a dependent ends or lets go of it.
  #wakeOwners({ metadata: { ownerReferences = [] } }: StoredObject): void {
    for (const { uid } of ownerReferences) {
      const owner = this.#index.find(uid)
      const object = owner && this.#get(owner)
      if (owner && object && isWaitingForDependents(object)) this.#add(owner)
    }
  }

  #addDependents(uid: string): void {
    for (const dependent of this.#index.dependentsOf(uid)) this.#add(dependent)
  }

  #add(id: ObjectId): void {
    const key = keyOf(id)
    this.#idOfKey.set(key, id)
    this.#queue.add(key)
  }

  #get({ resource, namespace, name, uid }: ObjectId): StoredObject | undefined {
    const at = { name, ...(namespace !== '' && { namespace }) }
    const object = this.#context.api.get(resource, at) as StoredObject | undefined
    return object?.metadata.uid === uid ? object : undefined
  }

  async #work(key: string): Promise<void | { readonly requeueAfterMs: number }> {
    const id = this.#idOfKey.get(key)
    const object = id && this.#get(id)
    if (!object) {
      this.#idOfKey.delete(key)
      return
    }
    const owners = (object.metadata.ownerReferences ?? []).map((reference) =>
      this.#judge(reference, id),
    )
    const ids = this.#index.dependentsOf(id.uid)
    const dependents = ids.map((one) => this.#get(one)).filter((one) => one !== undefined)
    try {
      await this.#take(decideGarbage({ object, owners, dependents }), { id, object, ids })
    } catch (error) {
      if (isNotFound(error)) return
      if (isConflict(error)) return { requeueAfterMs: 2 }
      throw error
    }
  }

  #judge(reference: OwnerReference, { namespace }: ObjectId): JudgedReference {
    const owner = this.#resources.find(
      ({ kind, apiVersion }) =>
        kind === reference.kind && groupOf(apiVersion) === groupOf(reference.apiVersion),
    )
    // A cluster-wide object cannot belong to one in a namespace; the API server lets it say so.
    if (!owner || (owner.isNamespaced && namespace === '')) {
      return { reference, state: 'unknowable' }
    }
    const at = { name: reference.name, ...(owner.isNamespaced && { namespace }) }
    const object = this.#context.api.get(owner, at) as StoredObject | undefined
    const state: OwnerState =
      object?.metadata.uid !== reference.uid
        ? 'absent'
        : isWaitingForDependents(object)
          ? 'waiting'
          : 'solid'
    return { reference, state }
  }

  async #take(
    step: GarbageStep,
    about: {
      readonly id: ObjectId
      readonly object: StoredObject
      readonly ids: readonly ObjectId[]
    },
  ): Promise<void> {
    const { id, object, ids } = about
    switch (step.do) {
      case 'nothing':
        return
      case 'pressDependents':
        for (const dependent of ids) this.#add(dependent)
        return
      case 'removeReferences':
        await this.#removeReferences(id, object, step.uids)
        return
      case 'orphanDependents':
        await Promise.all(ids.map((dependent) => this.#letGo(dependent, id.uid)))
        await this.#removeFinalizer(id, orphanFinalizer)
        return
      case 'removeFinalizer':
        await this.#removeFinalizer(id, step.finalizer)
        return
      case 'delete':
        if (step.unblocks) await this.#unblock(id, object)
        await this.#delete(id, step.policy)
        return
    }
  }

  async #letGo(dependent: ObjectId, ownerUid: string): Promise<void> {
    for (;;) {
      const object = this.#get(dependent)
      if (!object) return
      try {
        await this.#removeReferences(dependent, object, [ownerUid])
        return
      } catch (error) {
        if (isNotFound(error)) return
        if (!isConflict(error)) throw error
      }
    }
  }

  async #removeReferences(
    id: ObjectId,
    object: StoredObject,
    uids: readonly string[],
  ): Promise<void> {
    const all = object.metadata.ownerReferences ?? []
    const kept = all.filter(({ uid }) => !uids.includes(uid))
    if (kept.length === all.length) return
    await this.#patch(id, object, { ownerReferences: kept.length === 0 ? null : kept })
  }

  async #removeFinalizer(id: ObjectId, finalizer: string): Promise<void> {
    const object = this.#get(id)
    const { finalizers = [] } = object?.metadata ?? {}
    if (!object || !finalizers.includes(finalizer)) return
    const kept = finalizers.filter((one) => one !== finalizer)
    await this.#patch(id, object, { finalizers: kept.length === 0 ? null : kept })
  }

  async #unblock(id: ObjectId, object: StoredObject): Promise<void> {
    const ownerReferences = (object.metadata.ownerReferences ?? []).map((reference) => ({
      ...reference,
      blockOwnerDeletion: false,
    }))
    await this.#patch(id, object, { ownerReferences })
  }

  // With the version that was read: whoever changes the object meanwhile has it looked at again.
  async #patch(id: ObjectId, { metadata }: StoredObject, change: object): Promise<void> {
    const { uid, resourceVersion } = metadata
    const at = placeOf(id)
    await this.#context.api.patch(id.resource, at, {
      metadata: { uid, resourceVersion, ...change },
    })
  }

  async #delete(
    id: ObjectId,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> {
    const object = this.#get(id)
    if (!object) return
    const { uid, resourceVersion } = object.metadata
    const preconditions = { uid, resourceVersion }
    await this.#context.api.delete(id.resource, placeOf(id), { propagationPolicy, preconditions })
  }

  #reportForeignOwner(id: ObjectId, object: StoredObject, ownerUid: string): void {
    const owner = this.#index.find(ownerUid)
    if (!owner || owner.namespace === '' || owner.namespace === id.namespace) return
    const reference = object.metadata.ownerReferences?.find(({ uid }) => uid === ownerUid)
    if (!reference) return
    const { apiVersion, kind, name } = reference
    const where = `[${apiVersion}/${kind}, namespace: ${id.namespace}, name: ${name}, uid: ${ownerUid}]`
    this.#context.api.recordEvent(object, {
      type: 'Warning',
      reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef ${where} does not exist in namespace ${JSON.stringify(id.namespace)}`,
    })
  }
}

// Most changes are of statuses, which say nothing about who belongs to whom.
function isSameInGraph({ metadata: a }: StoredObject, { metadata: b }: StoredObject): boolean {
  return (
    a.uid === b.uid &&
    a.deletionTimestamp === b.deletionTimestamp &&
    deepEqual(a.finalizers, b.finalizers) &&
    deepEqual(a.ownerReferences, b.ownerReferences)
  )
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
}

function placeOf({ namespace, name }: ObjectId): {
  readonly name: string
  readonly namespace?: string
} {
  return { name, ...(namespace !== '' && { namespace }) }
}
