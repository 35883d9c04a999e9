// SPDX-License-Identifier: Apache-2.0
// Answers to "may somebody do this?" (SubjectAccessReview and its relatives) and "what may I do?"
// (SelfSubjectRulesReview). The answer goes to the one who asks; nothing is stored.
import type {
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '../../kube/types.gen.ts'
import { badRequest, invalid } from '../objects/api-status.ts'
import type { FieldError } from '../objects/field-error.ts'
import { invalidValue } from '../objects/field-error.ts'
import { parseFieldSelector } from '../objects/selector.ts'
import type { Authorizer, RequestAttributes, SelectorRequirement } from './authorizer.ts'
import { pathAttributes, resourceAttributes } from './authorizer.ts'
import { nodeNameOf } from './node/node-identity.ts'
import type { RbacAuthorizer } from './rbac/rbac-authorizer.ts'
import type { User } from './user.ts'

/** Asks about anybody. Throws StatusError 422 for a question that cannot be understood. */
export function answerSubjectAccessReview(
  review: SubjectAccessReview,
  authorizer: Authorizer,
): SubjectAccessReview {
  refuse([...subjectErrors(review.spec), ...attributeErrors(review.spec)])
  return { ...review, status: decide(subjectOf(review.spec), review.spec, authorizer) }
}

/** The same, within one namespace. */
export function answerLocalSubjectAccessReview(
  review: LocalSubjectAccessReview,
  namespace: string,
  authorizer: Authorizer,
): LocalSubjectAccessReview {
  const { spec } = review
  const { nonResourceAttributes, resourceAttributes: wanted } = spec
  const own = review.metadata.namespace
  const inside = wanted?.namespace ?? ''
  refuse([
    ...subjectErrors(spec),
    ...attributeErrors(spec),
    ...(wanted && inside !== own
      ? [invalidValue('spec.resourceAttributes.namespace', inside, 'must match metadata.namespace')]
      : []),
    ...(nonResourceAttributes
      ? [
          invalidValue(
            'spec.nonResourceAttributes',
            nonResourceAttributes,
            'disallowed on this kind of request',
          ),
        ]
      : []),
  ])
  if (namespace !== own) {
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
  }
  return { ...review, status: decide(subjectOf(spec), spec, authorizer) }
}

/** Asks about the asker. */
export function answerSelfSubjectAccessReview(
  review: SelfSubjectAccessReview,
  user: User,
  authorizer: Authorizer,
): SelfSubjectAccessReview {
  refuse(attributeErrors(review.spec))
  return { ...review, status: decide(user, review.spec, authorizer) }
}

/** All that the asker may do in a namespace, as far as rules tell it. */
export function answerSelfSubjectRulesReview(
  review: SelfSubjectRulesReview,
  user: User,
  rbac: RbacAuthorizer,
): SelfSubjectRulesReview {
  const { namespace = '' } = review.spec
  if (namespace === '') throw badRequest('no namespace on request')
  const { errors, rules } = rbac.rulesFor(user, namespace)
  const isNode = nodeNameOf(user) !== undefined
  const nodeErrors = isNode ? ['node authorizer does not support user rule resolution'] : []
  const allErrors = [...nodeErrors, ...errors]
  return {
    ...review,
    // The answer does not repeat the question.
    spec: {},
    status: {
      resourceRules: rules.flatMap(({ apiGroups, resourceNames, resources = [], verbs }) => {
        if (resources.length === 0) return []
        const named = resourceNames && { resourceNames }
        return [{ verbs, ...(apiGroups && { apiGroups }), resources, ...named }]
      }),
      nonResourceRules: rules.flatMap(({ nonResourceURLs = [], verbs }) =>
        nonResourceURLs.length > 0 ? [{ verbs, nonResourceURLs }] : [],
      ),
      incomplete: isNode,
      ...(allErrors.length > 0 && {
        evaluationError:
          allErrors.length === 1 ? (allErrors[0] ?? '') : `[${allErrors.join(', ')}]`,
      }),
    },
  }
}

interface Question {
  readonly resourceAttributes?: ResourceAttributes
  readonly nonResourceAttributes?: NonResourceAttributes
}

function decide(user: User, question: Question, authorizer: Authorizer): SubjectAccessReviewStatus {
  const { allowed, reason } = authorizer.authorize(user, attributesOf(question))
  return { allowed, ...(reason !== '' && { reason }) }
}

function attributesOf({
  nonResourceAttributes,
  resourceAttributes: wanted,
}: Question): RequestAttributes {
  if (!wanted) {
    return pathAttributes(nonResourceAttributes?.verb ?? '', nonResourceAttributes?.path ?? '')
  }
  const { fieldSelector, labelSelector: _, resource = '', verb = '', version, ...rest } = wanted
  return resourceAttributes({
    ...rest,
    resource,
    verb,
    version: version === undefined || version === '' ? '*' : version,
    ...(fieldSelector && { fieldSelector: fieldRequirements(fieldSelector) }),
  })
}

/** What cannot be understood is left out: it restricts nothing then. */
function fieldRequirements(
  selector: NonNullable<ResourceAttributes['fieldSelector']>,
): readonly SelectorRequirement[] {
  const { rawSelector = '', requirements = [] } = selector
  if (requirements.length > 0) {
    return requirements.flatMap(({ key, operator, values = [] }) => {
      if (values.length !== 1 || (operator !== 'In' && operator !== 'NotIn')) return []
      return [{ key, operator: operator === 'In' ? '=' : '!=', values }]
    })
  }
  try {
    return parseFieldSelector(rawSelector).map(({ field, isEqual, value }) => ({
      key: field,
      operator: isEqual ? '=' : '!=',
      values: [value],
    }))
  } catch {
    // No selector, so no restriction; the question is answered as if there were none.
    return []
  }
}

function subjectOf({ extra, groups = [], uid, user = '' }: SubjectAccessReviewSpec): User {
  return {
    name: user,
    groups,
    ...(uid !== undefined && uid !== '' && { uid }),
    ...(extra && { extra }),
  }
}

function subjectErrors({ groups = [], user = '' }: SubjectAccessReviewSpec): readonly FieldError[] {
  if (user !== '' || groups.length > 0) return []
  return [invalidValue('spec.user', user, 'at least one of user or group must be specified')]
}

function attributeErrors(question: Question): readonly FieldError[] {
  const { nonResourceAttributes, resourceAttributes: wanted } = question
  if (wanted && nonResourceAttributes) {
    const detail = 'cannot be specified in combination with resourceAttributes'
    return [invalidValue('spec.nonResourceAttributes', nonResourceAttributes, detail)]
  }
  if (!wanted && !nonResourceAttributes) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
    return [invalidValue('spec.resourceAttributes', undefined, detail)]
  }
  return []
}

/** The API leaves the kind out here, and kubectl then speaks of "the request". */
function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'authorization.k8s.io', kind: '' }, '', errors)
}
