// SPDX-License-Identifier: Apache-2.0
// May the caller do this to our node? The cluster decides, by SubjectAccessReview; yes is remembered
// for five minutes, no for thirty seconds.
import { createHash } from 'node:crypto'
import type { KubeClient } from '../../kube/kube-client.ts'
import { subjectAccessReviews } from '../../kube/resources.ts'
import type { SubjectAccessReviewSpec } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import type { CallerIdentity } from '../authentication/authenticator.ts'
import { ReviewCache } from '../review-cache.ts'

/** What is asked: this caller, this verb, this subresource of our Node. */
export interface AccessQuestion {
  readonly user: CallerIdentity
  readonly verb: string
  readonly subresource: string
}

/** Decides about access. Rejects when it cannot tell. */
export interface Authorizer {
  isAllowed(question: AccessQuestion): Promise<boolean>
}

/** Lets every caller that is authenticated do everything. */
export const alwaysAllow: Authorizer = { isAllowed: async () => true }

/** Lets nobody do anything: what a server has that was given no authorization. */
export const neverAllow: Authorizer = { isAllowed: async () => false }

const allowTtlMs = 5 * 60_000
const denyTtlMs = 30_000
const reviewTimeoutMs = 10_000

/** Asks the API server, with a memory. */
export class AccessReviewAuthorizer implements Authorizer {
  readonly #client: KubeClient
  readonly #nodeName: string
  readonly #cache: ReviewCache<boolean>

  constructor(client: KubeClient, options: { readonly nodeName: string; readonly clock: Clock }) {
    this.#client = client
    this.#nodeName = options.nodeName
    this.#cache = new ReviewCache({
      clock: options.clock,
      positiveTtlMs: allowTtlMs,
      negativeTtlMs: denyTtlMs,
    })
  }

  async isAllowed(question: AccessQuestion): Promise<boolean> {
    const spec = this.#specOf(question)
    const key = createHash('sha256').update(JSON.stringify(spec)).digest('base64')
    return await this.#cache.get(key, async () => {
      const review = await this.#client.create(
        subjectAccessReviews,
        { apiVersion: subjectAccessReviews.apiVersion, kind: subjectAccessReviews.kind, spec },
        { timeoutMs: reviewTimeoutMs },
      )
      const isAllowed = review.status?.allowed === true && review.status.denied !== true
      return { value: isAllowed, isPositive: isAllowed }
    })
  }

  #specOf({ user, verb, subresource }: AccessQuestion): SubjectAccessReviewSpec {
    return {
      user: user.username,
      ...(user.uid !== undefined && { uid: user.uid }),
      groups: user.groups,
      ...(user.extra && { extra: user.extra }),
      resourceAttributes: {
        verb,
        version: 'v1',
        resource: 'nodes',
        name: this.#nodeName,
        subresource,
      },
    }
  }
}
