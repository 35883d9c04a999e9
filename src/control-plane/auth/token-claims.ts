// SPDX-License-Identifier: Apache-2.0
// What a service account token claims, and whether that still holds: its times, and that everything it
// is bound to exists, is the same object, and has not been asked to go more than a minute ago.
import type { ObjectMeta } from '../../kube/types.gen.ts'
import type { Store } from '../storage/store.ts'
import { serviceAccountGroups, serviceAccountUserName } from './service-account-user.ts'
import { storedObject } from './stored-object.ts'
import { rejected } from './token-rejection.ts'
import type { User } from './user.ts'

const leewayMs = 60_000
const extraPrefix = 'authentication.kubernetes.io'

/** An object by name and uid, as claims refer to it. */
export interface Reference {
  readonly name: string
  readonly uid?: string
}

/** The claims of our tokens. Times in seconds since the epoch. */
export interface TokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud?: readonly string[] | string
  readonly exp?: number
  readonly iat?: number
  readonly nbf?: number
  readonly jti?: string
  readonly 'kubernetes.io': {
    readonly namespace: string
    readonly serviceaccount: Reference
    readonly pod?: Reference
    readonly secret?: Reference
    readonly node?: Reference
  }
}

/** Throws a TokenRejection unless now lies within the token's time. */
export function checkTimes({ exp, iat, nbf }: TokenClaims, nowMs: number): void {
  if (nbf !== undefined && nowMs + leewayMs < nbf * 1000) {
    throw rejected('service account token is not valid yet')
  }
  if (exp !== undefined && nowMs - leewayMs > exp * 1000) {
    throw rejected('service account token has expired')
  }
  if (iat !== undefined && nowMs + leewayMs < iat * 1000) {
    throw rejected('service account token is issued in the future')
  }
}

/** Throws a TokenRejection unless all that the token is bound to is still there. */
export function checkBindings(
  claims: TokenClaims,
  { store, nowMs }: { readonly store: Store; readonly nowMs: number },
): void {
  const { namespace, node, pod, secret, serviceaccount } = claims['kubernetes.io']
  const find = (resource: string, name: string, inside = namespace) =>
    storedObject<object>(store, resource, { namespace: inside, name })?.metadata
  const account = find('serviceaccounts', serviceaccount.name)
  if (!account) {
    throw rejected(`serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`)
  }
  if (account.uid !== serviceaccount.uid) {
    const claim = serviceaccount.uid ?? ''
    throw rejected(`service account UID (${account.uid}) does not match claim (${claim})`)
  }
  if (isLongDeleted(account, nowMs)) {
    throw rejected(`service account ${namespace}/${serviceaccount.name} has been deleted`)
  }
  if (secret) checkBound(secret, { current: find('secrets', secret.name), kind: 'secret', nowMs })
  if (pod) checkBound(pod, { current: find('pods', pod.name), kind: 'pod', nowMs })
  // Beside a pod the node says only where the pod was.
  else if (node) checkBound(node, { current: find('nodes', node.name, ''), kind: 'node', nowMs })
}

/** The service account as a user, with what is known of where the token is used. */
export function claimsUser(claims: TokenClaims): User {
  const { namespace, node, pod, serviceaccount } = claims['kubernetes.io']
  const extra = {
    ...(claims.jti !== undefined && { [`${extraPrefix}/credential-id`]: [`JTI=${claims.jti}`] }),
    ...(node && { [`${extraPrefix}/node-name`]: [node.name] }),
    ...(node?.uid !== undefined && { [`${extraPrefix}/node-uid`]: [node.uid] }),
    ...(pod && { [`${extraPrefix}/pod-name`]: [pod.name] }),
    ...(pod?.uid !== undefined && { [`${extraPrefix}/pod-uid`]: [pod.uid] }),
  }
  return {
    name: serviceAccountUserName({ namespace, name: serviceaccount.name }),
    ...(serviceaccount.uid !== undefined && { uid: serviceaccount.uid }),
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length > 0 && { extra }),
  }
}

function checkBound(
  claim: Reference,
  {
    current,
    kind,
    nowMs,
  }: { readonly current: ObjectMeta | undefined; readonly kind: string; readonly nowMs: number },
): void {
  if (!current || isLongDeleted(current, nowMs)) {
    throw rejected('service account token has been invalidated')
  }
  if (current.uid !== claim.uid) {
    throw rejected(
      `${kind} UID (${current.uid}) does not match service account ${kind} ref claim (${claim.uid})`,
    )
  }
}

function isLongDeleted({ deletionTimestamp }: ObjectMeta, nowMs: number): boolean {
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < nowMs - leewayMs
}
