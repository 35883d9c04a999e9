// SPDX-License-Identifier: Apache-2.0
// Why a credential is not accepted. The one who sent it learns only that it is not (401); a TokenReview
// tells whoever may ask.

/** Thrown while a credential is examined; never reaches the client as it is. */
export class TokenRejection extends Error {
  override readonly name = 'TokenRejection'
}

/** Why, when no authenticator knows the token. */
export const invalidToken = 'invalid bearer token'

export function rejected(why: string): TokenRejection {
  return new TokenRejection(why)
}

/** A list as messages of the API show it: `["a" "b"]`. */
export function goList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`
}
