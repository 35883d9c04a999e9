// SPDX-License-Identifier: Apache-2.0
// What the API server has to know of one kind of object: names, verbs, subresources, and the strategy
// that makes a request's object one that may be stored. One table of these (`registry.ts`) drives
// routing, discovery, OpenAPI and kubectl's shortcuts.
import type { User } from '../auth/user.ts'
import type { FieldError } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'

export type Verb =
  | 'create'
  | 'delete'
  | 'deletecollection'
  | 'get'
  | 'list'
  | 'patch'
  | 'update'
  | 'watch'

/** A part of an object with an address of its own: `pods/status`, `deployments/scale`. */
export interface SubresourceDefinition {
  readonly name: string
  /** Kind of what goes in and out; its group and version where they differ from the parent's. */
  readonly kind: string
  readonly group?: string
  readonly version?: string
  readonly verbs: readonly Verb[]
}

/** What a strategy may know of the request. */
export interface StrategyContext {
  readonly user: User
  readonly nowMs: number
}

/** How objects of a kind are completed and judged. All functions are pure; objects are not changed. */
export interface Strategy {
  /** Fills in what the API's documentation calls defaults; called for every decoded object. */
  readonly applyDefaults: (object: KubeObject) => KubeObject
  /**
   * Removes what a client may not set at creation (status, for one), sets what the server decides.
   * The object has its name, namespace and uid by then: a Job's selector is made of its uid.
   */
  readonly prepareForCreate: (object: KubeObject, context?: StrategyContext) => KubeObject
  /**
   * Keeps what this kind of update may not touch: the status for an update of the object, everything
   * else for one of the status. `subresource` is '' for the object itself.
   */
  readonly prepareForUpdate: (
    next: KubeObject,
    old: KubeObject,
    subresource: string,
    context?: StrategyContext,
  ) => KubeObject
  /** What is wrong with a new object. Metadata is judged elsewhere (`validate-metadata.ts`). */
  readonly validate: (object: KubeObject) => readonly FieldError[]
  readonly validateUpdate: (
    next: KubeObject,
    old: KubeObject,
    subresource: string,
  ) => readonly FieldError[]
  /** Sentences for the `Warning` header of a create (no `old`) or update. */
  readonly warnings?: (object: KubeObject, old?: KubeObject) => readonly string[]
  /** Whether metadata.generation counts changes of spec; true for most kinds that have one. */
  readonly hasGeneration: boolean
  /** `''` when names may be any DNS subdomain; see `validate-metadata.ts`. */
  readonly nameRule?: 'dns-label' | 'dns-1035-label' | 'dns-subdomain' | 'path-segment'
  /** Whether PUT of an unknown name creates it (leases, events and endpoints do so). */
  readonly allowsCreateOnUpdate?: boolean
  /**
   * Whether an update must name the resourceVersion that it changes; without one it is refused with
   * `metadata.resourceVersion: Invalid value: 0: must be specified for an update`.
   */
  readonly requiresResourceVersion?: boolean
  /**
   * For kinds that end gracefully (pods): how long the object may stay after a delete that asked for
   * `requested` seconds; 0 removes it at once. Without this, deletes are immediate.
   */
  readonly gracePeriodSeconds?: (object: KubeObject, requested: number | undefined) => number
  /** Default for deletes that name no propagationPolicy; undefined is Background. */
  readonly defaultPropagation?: 'Orphan' | 'Background'
}

export interface ResourceDefinition {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly isNamespaced: boolean
  readonly verbs: readonly Verb[]
  readonly subresources: readonly SubresourceDefinition[]
  /** Fields that field selectors may name besides metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: KubeObject) => string>>
  /** Nothing is stored: the answer is made while the client waits (reviews, metrics, bindings). */
  readonly isVirtual?: boolean
  readonly strategy: Strategy
  /**
   * Name in storage, `pods` or `deployments.apps`. Two resources with one storage show the same
   * objects in two forms (events); `fromStorage` and `toStorage` then convert.
   */
  readonly storage: string
  readonly fromStorage?: (object: KubeObject) => KubeObject
  readonly toStorage?: (object: KubeObject) => KubeObject
}
