// SPDX-License-Identifier: Apache-2.0
// One request of one node, with what is needed to judge it.
import type { Authorizer } from '../auth/authorizer.ts'
import type { AdmissionContext, AdmissionRequest } from './admission.ts'

export interface NodeRestrictionOptions {
  readonly authorizer: Authorizer
  /** Audiences of this API server. */
  readonly audiences: readonly string[]
}

/** One request of one node. */
export interface NodeRequest extends NodeRestrictionOptions {
  readonly node: string
  readonly request: AdmissionRequest
  readonly context: AdmissionContext
}
