// SPDX-License-Identifier: Apache-2.0
// Puts authentication and authorization together: who makes a request, and may he make it.
import type { AuthenticatorOptions } from './authenticator.ts'
import { Authenticator } from './authenticator.ts'
import type { Authorizer } from './authorizer.ts'
import { anyOf, mastersAuthorizer } from './authorizer.ts'

/** What the HTTP server asks for every request. */
export interface AccessControl extends Disposable {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
}

/** Watches storage for what authorization depends on until it is disposed of. */
export function createAccessControl(options: AuthenticatorOptions): AccessControl {
  return {
    authenticator: new Authenticator(options),
    authorizer: anyOf([mastersAuthorizer]),
    [Symbol.dispose]() {},
  }
}
