// SPDX-License-Identifier: Apache-2.0
// The contract of admission: after authorization and before storage, plugins may complete a request's
// object or refuse it. They run synchronously inside the read-check-write of the request, so that what
// they have read still holds when the object is stored.
import type { User } from '../auth/user.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { Store } from '../storage/store.ts'

/** One request, as far as admission is concerned. */
export interface AdmissionRequest {
  readonly user: User
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly resource: ResourceDefinition
  /** '' for the object itself. */
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** The new state; undefined for DELETE and CONNECT. */
  readonly object: KubeObject | undefined
  /** The stored state; undefined for CREATE. */
  readonly old: KubeObject | undefined
  readonly isDryRun: boolean
}

export interface AdmissionContext {
  readonly store: Store
  readonly nowMs: number
  /** Takes a sentence for the `Warning` header of the answer. */
  readonly warn: (sentence: string) => void
}

/** Throws `StatusError` to refuse. */
export interface AdmissionPlugin {
  readonly name: string
  /** Returns the object, completed; called for CREATE and UPDATE. */
  readonly mutate?: (
    object: KubeObject,
    request: AdmissionRequest,
    context: AdmissionContext,
  ) => KubeObject
  readonly validate?: (request: AdmissionRequest, context: AdmissionContext) => void
}
