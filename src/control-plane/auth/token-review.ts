// SPDX-License-Identifier: Apache-2.0
// Answers to the questions "whose token is this?" (TokenReview) and "who am I?" (SelfSubjectReview).
import type { SelfSubjectReview, TokenReview, UserInfo } from '../../kube/types.gen.ts'
import { badRequest } from '../objects/api-status.ts'
import { wireTime } from '../../util/wire-time.ts'
import type { Authenticator } from './authenticator.ts'
import { asAuthenticated } from './authenticator.ts'
import { invalidToken, TokenRejection } from './token-rejection.ts'
import type { User } from './user.ts'

/** The review with its status. Throws StatusError 400 when there is no token. */
export function answerTokenReview(review: TokenReview, authenticator: Authenticator): TokenReview {
  const { audiences = [], token } = review.spec
  if (!token) throw badRequest('token is required for TokenReview in authentication')
  const wanted = audiences.length > 0 ? audiences : authenticator.audiences
  try {
    const verified = authenticator.verifyToken(token, wanted)
    const user = userInfo(asAuthenticated(verified.user))
    return { ...review, status: { authenticated: true, user, audiences: verified.audiences } }
  } catch (error) {
    if (!(error instanceof TokenRejection)) throw error
    return { ...review, status: { user: {}, error: reviewError(error.message) } }
  }
}

/** The review with the user who asks, and when. */
export function answerSelfSubjectReview(
  review: SelfSubjectReview,
  { user, nowMs }: { readonly user: User; readonly nowMs: number },
): SelfSubjectReview {
  const creationTimestamp = wireTime(nowMs)
  const metadata = { ...review.metadata, creationTimestamp }
  return { ...review, metadata, status: { userInfo: userInfo(user) } }
}

/** What a token's own issuer says of it comes after what all say. */
function reviewError(why: string): string {
  return why === invalidToken ? why : `[${invalidToken}, ${why}]`
}

function userInfo({ extra, groups, name, uid }: User): UserInfo {
  return {
    username: name,
    ...(uid !== undefined && { uid }),
    groups,
    ...(extra && Object.keys(extra).length > 0 && { extra }),
  }
}
