// SPDX-License-Identifier: Apache-2.0
// The API as the controllers of this process use it: reads come from storage, synchronously and without
// copies; writes go through the same defaulting, admission and validation as a client's. A controller
// is level-driven: changes only wake it, and it decides from what it reads then.
import type { Resource } from '../../kube/resources.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'

/** One object's place; `namespace` is left out for cluster-wide kinds. */
export interface ObjectPlace {
  readonly name: string
  readonly namespace?: string
}

export interface ObjectChange<T> {
  readonly current: T | undefined
  readonly previous: T | undefined
}

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

/** What an event says; repeats of the same are counted, not stored again. */
export interface EventRecord {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** What was being done, such as `Binding`; of recorders of events.k8s.io, the scheduler's for one. */
  readonly action?: string
}

/** Writes reject with `StatusError` (objects/api-status.ts), whose code tells 404 from 409. */
export interface ClusterApi {
  get<T>(resource: Resource<T>, at: ObjectPlace): T | undefined
  /** All, or those of one namespace, by namespace and name. */
  list<T>(resource: Resource<T>, namespace?: string): readonly T[]
  /** Calls for each change from now on; nothing for what is there already. */
  onChange<T>(resource: Resource<T>, listener: (change: ObjectChange<T>) => void): Disposable

  /** `metadata.generateName` works as for clients. */
  create<T>(resource: Resource<T>, object: NewObject<T>): Promise<T>
  /** Replaces spec and metadata; a resourceVersion that is no longer the stored one is a 409. */
  update<T>(resource: Resource<T>, object: T): Promise<T>
  /** Replaces the status only. */
  updateStatus<T>(resource: Resource<T>, object: T): Promise<T>
  /** Merge patch of an object or one of its subresources (`status`, `scale`). */
  patch<T>(
    resource: Resource<T>,
    at: ObjectPlace,
    patch: Readonly<Record<string, unknown>>,
    subresource?: string,
  ): Promise<T>
  delete(resource: Resource<unknown>, at: ObjectPlace, request?: DeleteRequest): Promise<void>
  /** Binds a pod to a node as the scheduler does (pods/binding). */
  bind(at: Required<ObjectPlace>, nodeName: string, uid: string): Promise<void>

  /** Off the path: never fails and need not be waited for. `about` is a typed object. */
  recordEvent(about: EventSubject, event: EventRecord): void
}

/** An object to be created; the server completes its metadata. */
export type NewObject<T> = Omit<T, 'metadata' | 'apiVersion' | 'kind'> & {
  readonly metadata: {
    readonly name?: string
    readonly generateName?: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly ownerReferences?: readonly object[]
    readonly finalizers?: readonly string[]
  }
}

/** Whatever has these is something an event can be about. */
export interface EventSubject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: {
    readonly name?: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
  }
}

/** What every controller is given. */
export interface ControllerContext {
  /** Acts with the controller's own identity, such as system:serviceaccount:kube-system:job-controller. */
  readonly api: ClusterApi
  readonly clock: Clock
  readonly log: Logger
}

/** Starts a controller; disposing of what it returns stops it and waits for work under way. */
export type StartController = (context: ControllerContext) => AsyncDisposable
