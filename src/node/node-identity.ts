// SPDX-License-Identifier: Apache-2.0
// Whether we speak to the API server as the node itself, whose rights are narrower than any role's: it
// changes no taints, deletes no Node and sets few labels of kubernetes.io.
import type { KubeClient } from '../kube/kube-client.ts'
import type { Resource } from '../kube/resources.ts'
import type { SelfSubjectReview } from '../kube/types.gen.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'

const selfSubjectReviews: Resource<SelfSubjectReview> = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  isNamespaced: false,
}

/** Asks the API server who we are. Where it does not say, we count as somebody with a role. */
export async function isNodeIdentity(
  client: KubeClient,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<boolean> {
  const { apiVersion, kind } = selfSubjectReviews
  try {
    const review = await client.create(
      selfSubjectReviews,
      { apiVersion, kind },
      { signal, timeoutMs: 5000 },
    )
    const user = review.status?.userInfo?.username ?? ''
    log.debug({ user }, 'Known to the API server')
    return user.startsWith('system:node:')
  } catch (error) {
    log.debug({ error: messageOf(error) }, 'The API server does not say who we are')
    return false
  }
}
