// SPDX-License-Identifier: Apache-2.0
// Puts authentication and authorization together: who makes a request, and may he make it.
import type { AuthenticatorOptions } from './authenticator.ts'
import { Authenticator } from './authenticator.ts'
import type { Authorizer } from './authorizer.ts'
import { anyOf, mastersAuthorizer } from './authorizer.ts'
import { reconcilePolicy } from './bootstrap/reconcile-policy.ts'
import { NodeAuthorizer } from './node/node-authorizer.ts'
import { NodeGraph } from './node/node-graph.ts'
import { startRoleAggregation } from './rbac/aggregate-roles.ts'
import { RbacAuthorizer } from './rbac/rbac-authorizer.ts'

/** What the HTTP server asks for every request. */
export interface AccessControl extends Disposable {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  /** Rules themselves, for reviews and for the check of what somebody grants. */
  readonly rbac: RbacAuthorizer
}

/**
 * Brings the built-in roles into the store, and follows in it what authorization depends on until
 * disposed of.
 */
export function createAccessControl(options: AuthenticatorOptions): AccessControl {
  const { clock, store } = options
  reconcilePolicy(store, { nowMs: clock.nowMs() })
  const aggregation = startRoleAggregation(store)
  const graph = new NodeGraph(store)
  const rbac = new RbacAuthorizer(store)
  return {
    authenticator: new Authenticator(options),
    authorizer: anyOf([mastersAuthorizer, new NodeAuthorizer(graph), rbac]),
    rbac,
    [Symbol.dispose]() {
      aggregation[Symbol.dispose]()
      graph[Symbol.dispose]()
    },
  }
}
