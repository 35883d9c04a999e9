// SPDX-License-Identifier: Apache-2.0
// Nobody may grant what he has not: checked when roles and bindings are written, unless the writer may
// `escalate` the role or `bind` it.
import type { ClusterRole, PolicyRule, RoleBinding } from '../../../kube/types.gen.ts'
import { forbidden, notFound } from '../../objects/api-status.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import type { Authorizer } from '../authorizer.ts'
import { resourceAttributes } from '../authorizer.ts'
import type { User } from '../user.ts'
import type { RbacAuthorizer } from './rbac-authorizer.ts'
import { rbacGroup } from './rbac-resources.ts'
import { describeRules, uncoveredRules } from './rule-coverage.ts'

/** A role or binding about to be written. */
export interface RbacWrite {
  readonly user: User
  /** `roles`, `clusterroles`, `rolebindings` or `clusterrolebindings`. */
  readonly plural: string
  /** '' for cluster-wide kinds. */
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject
  readonly old: KubeObject | undefined
}

export interface EscalationContext {
  readonly authorizer: Authorizer
  readonly rbac: RbacAuthorizer
}

const everything: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
]

/** Throws StatusError 403 when the write would grant what the user does not have. */
export function checkEscalation(write: RbacWrite, context: EscalationContext): void {
  if (write.user.groups.includes('system:masters')) return
  if (write.old && isOnlyForGarbageCollection(write.object, write.old)) return
  if (write.plural.endsWith('bindings')) checkBinding(write, context)
  else checkRole(write, context)
}

function checkRole(write: RbacWrite, context: EscalationContext): void {
  const { name, namespace, object, old, plural, user } = write
  const place = { group: rbacGroup, version: '*', resource: plural, namespace, name }
  const escalate = resourceAttributes({ ...place, verb: 'escalate' })
  if (context.authorizer.authorize(user, escalate).allowed) return
  const role = object as unknown as ClusterRole
  requireOwned(role.rules ?? [], write, context)
  const hasRule = [role, old as unknown as ClusterRole | undefined].some(
    (one) => (one?.aggregationRule?.clusterRoleSelectors ?? []).length > 0,
  )
  if (!hasRule) return
  const { rules } = context.rbac.rulesFor(user, namespace)
  if (uncoveredRules(rules, everything).length === 0) return
  const why = 'must have cluster-admin privileges to use the aggregationRule'
  throw forbidden({ group: rbacGroup, plural }, role.metadata.name ?? '', why)
}

function checkBinding(write: RbacWrite, context: EscalationContext): void {
  const { namespace, object, user } = write
  const { roleRef } = object as unknown as RoleBinding
  const plural = roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
  const group = roleRef.apiGroup ?? rbacGroup
  const place = { group, version: '*', resource: plural, namespace, name: roleRef.name }
  const bind = resourceAttributes({ ...place, verb: 'bind' })
  if (context.authorizer.authorize(user, bind).allowed) return
  const rules = context.rbac.rulesOfRole(roleRef, namespace)
  if (!rules) throw notFound({ group: rbacGroup, plural: roleRef.kind.toLowerCase() }, roleRef.name)
  requireOwned(rules, write, context)
}

function requireOwned(
  rules: readonly PolicyRule[],
  { namespace, object, plural, user }: RbacWrite,
  { rbac }: EscalationContext,
): void {
  const owned = rbac.rulesFor(user, namespace)
  const missing = uncoveredRules(owned.rules, rules)
  if (missing.length === 0) return
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ')
  const who = `user ${JSON.stringify(user.name)} (groups=[${groups}])`
  const what = describeRules(missing).join('\n')
  const errors = owned.errors.length > 0 ? `; resolution errors: [${owned.errors.join(' ')}]` : ''
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${what}${errors}`
  throw forbidden({ group: rbacGroup, plural }, object.metadata.name ?? '', why)
}

/** The garbage collector removes finalizers and owners, whatever the role grants. */
function isOnlyForGarbageCollection(next: KubeObject, old: KubeObject): boolean {
  const { finalizers, managedFields, ownerReferences } = old.metadata
  const metadata = { ...next.metadata, finalizers, managedFields, ownerReferences }
  return deepEqual({ ...next, metadata }, old)
}
