// SPDX-License-Identifier: Apache-2.0
// Questions to authentication and authorization, asked by creating an object that nobody stores.
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenReview,
} from '../../../kube/types.gen.ts'
import type { Clock } from '../../../util/clock.ts'
import {
  answerLocalSubjectAccessReview,
  answerSelfSubjectAccessReview,
  answerSelfSubjectRulesReview,
  answerSubjectAccessReview,
} from '../../auth/access-review.ts'
import type { AccessControl } from '../../auth/access-control.ts'
import { answerSelfSubjectReview, answerTokenReview } from '../../auth/token-review.ts'
import type { User } from '../../auth/user.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { readObject } from '../request-body.ts'
import type { ResourceRequest } from '../read-verbs.ts'

interface Asked {
  readonly user: User
  readonly namespace: string
  readonly nowMs: number
}

type Answer = (review: never, asked: Asked, access: AccessControl) => object

const answers: Readonly<Record<string, Answer>> = {
  TokenReview: (review: TokenReview, _, { authenticator }) =>
    answerTokenReview(review, authenticator),
  SelfSubjectReview: (review: SelfSubjectReview, asked) => answerSelfSubjectReview(review, asked),
  SubjectAccessReview: (review: SubjectAccessReview, _, { authorizer }) =>
    answerSubjectAccessReview(review, authorizer),
  LocalSubjectAccessReview: (review: LocalSubjectAccessReview, { namespace }, { authorizer }) =>
    answerLocalSubjectAccessReview(review, namespace, authorizer),
  SelfSubjectAccessReview: (review: SelfSubjectAccessReview, { user }, { authorizer }) =>
    answerSelfSubjectAccessReview(review, user, authorizer),
  SelfSubjectRulesReview: (review: SelfSubjectRulesReview, { user }, { rbac }) =>
    answerSelfSubjectRulesReview(review, user, rbac),
}

/** The resources that are reviews, by plural and group. */
export const reviewResources: readonly string[] = [
  'tokenreviews.authentication.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
]

export async function answerReview(
  { exchange, target, resource }: ResourceRequest,
  { access, clock }: { readonly access: AccessControl; readonly clock: Clock },
): Promise<void> {
  const review: KubeObject = await readObject(exchange, resource)
  const answer = answers[resource.kind]
  if (!answer) throw new Error(`Cannot answer a ${resource.kind}: nobody knows how`)
  const asked = { user: exchange.user, namespace: target.namespace, nowMs: clock.nowMs() }
  exchange.sendJson(201, answer(review as never, asked, access))
}
