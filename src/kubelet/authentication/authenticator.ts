// SPDX-License-Identifier: Apache-2.0
// Who is calling? Authenticators are asked in order and the first that knows the caller wins. Being
// anonymous is only for callers who showed no credential at all: one that failed is a 401, always.
import type { IncomingMessage } from 'node:http'
import { messageOf } from '../../util/vk-error.ts'

/** A caller, in the words of TokenReview and SubjectAccessReview. */
export interface CallerIdentity {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export type Authentication =
  | { readonly kind: 'known'; readonly user: CallerIdentity }
  /** The request carries nothing of the sort that this authenticator reads. */
  | { readonly kind: 'none' }
  /** A credential was shown and is not good. `why` is for our log only, and holds no secret. */
  | { readonly kind: 'refused'; readonly why: string }

/** Recognises callers by one sort of credential. A rejection counts as refused. */
export interface Authenticator {
  authenticate(request: IncomingMessage): Promise<Authentication>
}

/** Refuses everybody: what a server has that was given no authentication. */
export const denyAll: Authenticator = {
  authenticate: async () => ({ kind: 'refused', why: 'no authentication is configured' }),
}

const anonymous: CallerIdentity = {
  username: 'system:anonymous',
  groups: ['system:unauthenticated'],
}

/** Asks each authenticator in order; see the head of this file for who may be anonymous. */
export function chainAuthenticators(
  authenticators: readonly Authenticator[],
  options: { readonly allowAnonymous: boolean },
): Authenticator {
  return {
    async authenticate(request) {
      const refusals: string[] = []
      for (const authenticator of authenticators) {
        const result = await authenticator.authenticate(request).catch(failed)
        if (result.kind === 'known') return { kind: 'known', user: withGroup(result.user) }
        if (result.kind === 'refused') refusals.push(result.why)
      }
      if (refusals.length > 0) return { kind: 'refused', why: refusals.join('; ') }
      return options.allowAnonymous ? { kind: 'known', user: anonymous } : { kind: 'none' }
    },
  }
}

function failed(error: unknown): Authentication {
  return { kind: 'refused', why: messageOf(error) }
}

function withGroup(user: CallerIdentity): CallerIdentity {
  const group = 'system:authenticated'
  if (user.groups.includes(group)) return user
  return { ...user, groups: [...user.groups, group] }
}
