// SPDX-License-Identifier: Apache-2.0
// Callers with a bearer token, which only the API server can judge: one TokenReview per token in two
// minutes. Tokens are remembered as a keyed hash, never as themselves.
import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { KubeClient } from '../../kube/kube-client.ts'
import { tokenReviews } from '../../kube/resources.ts'
import type { TokenReview } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import { messageOf } from '../../util/vk-error.ts'
import { ReviewCache } from '../review-cache.ts'
import type { Verdict } from '../review-cache.ts'
import type { Authentication, Authenticator } from './authenticator.ts'

const cacheTtlMs = 2 * 60_000
const reviewTimeoutMs = 10_000
/** Begins a subprotocol that is no protocol but a token in base64url: browsers can set no header. */
export const webSocketTokenPrefix = 'base64url.bearer.authorization.k8s.io.'

/** The bearer token of a request: its Authorization header, or a browser's WebSocket subprotocol. */
export function bearerTokenOf(request: IncomingMessage): string | undefined {
  const [scheme, token] = (request.headers.authorization ?? '').trim().split(' ')
  if (scheme?.toLowerCase() === 'bearer' && token) return token
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return undefined
  for (const protocol of (request.headers['sec-websocket-protocol'] ?? '').split(',')) {
    const name = protocol.trim()
    if (!name.startsWith(webSocketTokenPrefix)) continue
    return Buffer.from(name.slice(webSocketTokenPrefix.length), 'base64url').toString('utf8')
  }
  return undefined
}

/** Recognises bearer tokens by TokenReview. */
export class BearerTokenAuthenticator implements Authenticator {
  readonly #client: KubeClient
  readonly #cache: ReviewCache<Authentication>
  readonly #hashKey = randomBytes(32)

  constructor(client: KubeClient, options: { readonly clock: Clock }) {
    this.#client = client
    this.#cache = new ReviewCache({
      clock: options.clock,
      positiveTtlMs: cacheTtlMs,
      negativeTtlMs: cacheTtlMs,
    })
  }

  async authenticate(request: IncomingMessage): Promise<Authentication> {
    const token = bearerTokenOf(request)
    if (token === undefined) return { kind: 'none' }
    const key = createHmac('sha256', this.#hashKey).update(token).digest('base64')
    try {
      return await this.#cache.get(key, () => this.#review(token))
    } catch (error) {
      return { kind: 'refused', why: `the token review failed: ${messageOf(error)}` }
    }
  }

  async #review(token: string): Promise<Verdict<Authentication>> {
    const review = await this.#client.create(
      tokenReviews,
      { apiVersion: tokenReviews.apiVersion, kind: tokenReviews.kind, spec: { token } },
      { timeoutMs: reviewTimeoutMs },
    )
    const value = verdictOf(review)
    return { value, isPositive: value.kind === 'known' }
  }
}

/** For a server that reviews no tokens: one that is shown anyway is refused, not overlooked. */
export const refuseBearerTokens: Authenticator = {
  authenticate: async (request) =>
    bearerTokenOf(request) === undefined
      ? { kind: 'none' }
      : { kind: 'refused', why: 'a token was sent, and token reviews are off' },
}

function verdictOf({ status }: TokenReview): Authentication {
  const user = status?.user
  if (status?.authenticated !== true || !user?.username) {
    return { kind: 'refused', why: 'the API server does not know the token' }
  }
  return {
    kind: 'known',
    user: {
      username: user.username,
      ...(user.uid !== undefined && { uid: user.uid }),
      groups: user.groups ?? [],
      ...(user.extra && { extra: user.extra }),
    },
  }
}
