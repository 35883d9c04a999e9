// SPDX-License-Identifier: Apache-2.0
// Tokens of service accounts: a token is as good as what it is bound to, so each use checks that the
// account, and the pod, secret or node that it was made for, are still there and are the same ones.
// Only the costly part, the signature, is remembered.
import { randomUUID } from 'node:crypto'
import type { ServiceAccountKeys } from '../certificates/service-account-keys.ts'
import type { Store } from '../storage/store.ts'
import { signerOf, signToken, unverifiedClaims } from './json-web-token.ts'
import { serviceAccountUserName } from './service-account-user.ts'
import type { Reference, TokenClaims } from './token-claims.ts'
import { checkBindings, checkTimes, claimsUser } from './token-claims.ts'
import { goList, rejected } from './token-rejection.ts'
import type { User } from './user.ts'

const cacheSize = 4096

/** What a token is made of. Times in milliseconds since the epoch. */
export interface TokenContent {
  readonly namespace: string
  readonly serviceAccount: Reference
  readonly pod?: Reference
  readonly secret?: Reference
  /** Beside a pod only information: the pod is what counts. */
  readonly node?: Reference
  readonly audiences: readonly string[]
  readonly nowMs: number
  readonly expiresMs: number
  /** From when on use of the token should be warned about. */
  readonly warnAfterMs?: number
}

/** A token that was found good. */
export interface VerifiedToken {
  readonly user: User
  /** Those of the token's audiences that were asked for. */
  readonly audiences: readonly string[]
}

export interface ServiceAccountTokenOptions {
  readonly issuer: string
  readonly keys: ServiceAccountKeys
  readonly store: Store
}

/** Makes and verifies the tokens of one issuer. */
export class ServiceAccountTokens {
  readonly #options: ServiceAccountTokenOptions
  /** Claims of tokens with a good signature, oldest first, and which key made it. */
  readonly #verified = new Map<string, { readonly claims: TokenClaims; readonly keyId: string }>()

  constructor(options: ServiceAccountTokenOptions) {
    this.#options = options
  }

  issue(content: TokenContent): string {
    const { audiences, expiresMs, namespace, nowMs, serviceAccount, warnAfterMs } = content
    const { node, pod, secret } = content
    const claims = {
      aud: audiences,
      exp: seconds(expiresMs),
      iat: seconds(nowMs),
      iss: this.#options.issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...(node && { node }),
        ...(pod && { pod }),
        ...(secret && { secret }),
        serviceaccount: serviceAccount,
        ...(warnAfterMs !== undefined && { warnafter: seconds(warnAfterMs) }),
      },
      nbf: seconds(nowMs),
      sub: serviceAccountUserName({ namespace, name: serviceAccount.name }),
    }
    return signToken(claims, this.#options.keys)
  }

  /**
   * Undefined when the token is not of this issuer; throws a TokenRejection when it is and must not
   * be accepted.
   */
  verify(
    token: string,
    { audiences, nowMs }: { readonly audiences: readonly string[]; readonly nowMs: number },
  ): VerifiedToken | undefined {
    const claims = this.#claimsOf(token)
    if (!claims) return undefined
    const own = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? [])
    const common = own.filter((audience) => audiences.includes(audience))
    if (common.length === 0) {
      throw rejected(
        `token audiences ${goList(own)} is invalid for the target audiences ${goList(audiences)}`,
      )
    }
    checkTimes(claims, nowMs)
    checkBindings(claims, { store: this.#options.store, nowMs })
    return { user: claimsUser(claims), audiences: common }
  }

  #claimsOf(token: string): TokenClaims | undefined {
    const { issuer, keys } = this.#options
    const known = this.#verified.get(token)
    // Looked at afresh, for a key may have been retired for good since.
    if (known && keys.verifying(known.keyId)) return known.claims
    const claims = unverifiedClaims(token)
    if (claims?.['iss'] !== issuer) return undefined
    const keyId = signerOf(token, keys)
    if (keyId === undefined) throw rejected('invalid signature')
    const verified = { claims: claims as unknown as TokenClaims, keyId }
    this.#verified.set(token, verified)
    const [oldest] = this.#verified.keys()
    if (this.#verified.size > cacheSize && oldest !== undefined) this.#verified.delete(oldest)
    return verified.claims
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
