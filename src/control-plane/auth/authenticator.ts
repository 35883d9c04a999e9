// SPDX-License-Identifier: Apache-2.0
// Finds out who makes a request. Credentials are tried in order, and the first that holds decides. A
// credential that does not hold is 401, never anonymous: somebody who meant to be known shall learn
// that he is not.
import { createHash, type X509Certificate } from 'node:crypto'
import type { Clock } from '../../util/clock.ts'
import type { ServiceAccountKeys } from '../certificates/service-account-keys.ts'
import { unauthorized } from '../objects/api-status.ts'
import type { Store } from '../storage/store.ts'
import { bootstrapTokenUser } from './bootstrap-token.ts'
import { ClientCertificates } from './client-certificate.ts'
import type { VerifiedToken } from './service-account-token.ts'
import { ServiceAccountTokens } from './service-account-token.ts'
import { invalidToken, rejected, TokenRejection } from './token-rejection.ts'
import type { User } from './user.ts'

const protocolPrefix = 'base64url.bearer.authorization.k8s.io.'

/** A token given at the start, such as the administrator's. */
export interface StaticToken {
  readonly token: string
  readonly user: User
}

export interface AuthenticatorOptions {
  /** Certificate of the authority that clients are known by, as PEM. */
  readonly authority: string
  readonly keys: ServiceAccountKeys
  readonly store: Store
  readonly clock: Clock
  readonly staticTokens?: readonly StaticToken[]
  readonly issuer?: string
  /** Audiences that this API server answers to; default: the issuer. */
  readonly audiences?: readonly string[]
}

/** What a request brought along. */
export interface Credentials {
  /** The certificate of the connection's client, verified or not. */
  readonly certificate?: X509Certificate | undefined
  /** The `Authorization` header. */
  readonly authorization?: string | undefined
  /** The `Sec-WebSocket-Protocol` header: browsers can send a token only there. */
  readonly webSocketProtocols?: string | undefined
}

/** Of whom nothing is known. */
export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/** The issuer and audience of tokens unless another is set. */
export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local'

export class Authenticator {
  /** Issues and verifies the tokens of service accounts. */
  readonly tokens: ServiceAccountTokens
  /** What tokens have to be for when a request names no audience. */
  readonly audiences: readonly string[]
  readonly #options: AuthenticatorOptions
  readonly #certificates: ClientCertificates
  readonly #staticTokens: ReadonlyMap<string, User>

  constructor(options: AuthenticatorOptions) {
    const { audiences, authority, issuer = defaultIssuer, keys, staticTokens = [], store } = options
    this.#options = options
    this.audiences = audiences ?? [issuer]
    this.tokens = new ServiceAccountTokens({ issuer, keys, store })
    this.#certificates = new ClientCertificates(authority)
    this.#staticTokens = new Map(staticTokens.map(({ token, user }) => [digest(token), user]))
  }

  /** The user, with group system:authenticated, or `anonymous`. Throws StatusError 401. */
  authenticate(credentials: Credentials): User {
    const { certificate } = credentials
    const token = tokenOf(credentials)
    let hasFailed = false
    const attempts = [
      () => certificate && this.#certificates.userOf(certificate, this.#options.clock.nowMs()),
      () => (token === undefined ? undefined : this.verifyToken(token).user),
    ]
    for (const attempt of attempts) {
      try {
        const user = attempt()
        if (user) return asAuthenticated(user)
      } catch (error) {
        if (!(error instanceof TokenRejection)) throw error
        hasFailed = true
      }
    }
    if (hasFailed) throw unauthorized()
    return anonymous
  }

  /** Whose token it is, and which of the audiences it is for. Throws a TokenRejection. */
  verifyToken(token: string, audiences: readonly string[] = this.audiences): VerifiedToken {
    const { clock, store } = this.#options
    const nowMs = clock.nowMs()
    const user =
      this.#staticTokens.get(digest(token)) ?? bootstrapTokenUser(token, { store, nowMs })
    // Tokens that know no audiences are for this server only.
    const common = this.audiences.filter((audience) => audiences.includes(audience))
    if (user && common.length > 0) return { user, audiences: common }
    const verified = this.tokens.verify(token, { audiences, nowMs })
    if (!verified) throw rejected(invalidToken)
    return verified
  }
}

/** The user as one of those who are known. */
export function asAuthenticated(user: User): User {
  const { groups } = user
  if (groups.includes('system:authenticated') || groups.includes('system:unauthenticated')) {
    return user
  }
  return { ...user, groups: [...groups, 'system:authenticated'] }
}

function tokenOf({ authorization = '', webSocketProtocols = '' }: Credentials): string | undefined {
  const [scheme = '', token = ''] = authorization.trim().split(' ')
  if (scheme.toLowerCase() === 'bearer' && token !== '') return token
  const protocol = webSocketProtocols
    .split(',')
    .map((one) => one.trim())
    .find((one) => one.startsWith(protocolPrefix))
  if (protocol === undefined) return undefined
  return Buffer.from(protocol.slice(protocolPrefix.length), 'base64url').toString('utf8')
}

/** Tokens are compared by hash, so that the time it takes tells nothing about them. */
function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
