// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyRule } from '../../../kube/types.gen.ts'
import { createMemoryStore } from '../../storage/memory-store.ts'
import { addObject } from '../../../../test/support/add-object.ts'
import type { RbacWrite } from './escalation.ts'
import { checkEscalation } from './escalation.ts'
import { RbacAuthorizer } from './rbac-authorizer.ts'
import { rbacGroup, rbacStorage } from './rbac-resources.ts'

const user = { name: 'jane', groups: ['dev', 'system:authenticated'] }
const apiVersion = `${rbacGroup}/v1`

function setUp(rules: readonly PolicyRule[]) {
  const store = createMemoryStore()
  addObject(store, rbacStorage.roles, { metadata: { namespace: 'default', name: 'own' }, rules })
  addObject(store, rbacStorage.roleBindings, {
    metadata: { namespace: 'default', name: 'own' },
    roleRef: { kind: 'Role', name: 'own' },
    subjects: [{ kind: 'User', name: 'jane' }],
  })
  addObject(store, rbacStorage.clusterRoles, {
    metadata: { name: 'big' },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }],
  })
  const rbac = new RbacAuthorizer(store)
  return (write: Pick<RbacWrite, 'plural' | 'object'> & Partial<RbacWrite>) =>
    checkEscalation(
      { user, namespace: 'default', name: 'new', old: undefined, ...write },
      { authorizer: rbac, rbac },
    )
}

function role(rules: readonly PolicyRule[]) {
  return { apiVersion, kind: 'Role', metadata: { name: 'new', namespace: 'default' }, rules }
}

function binding(name: string) {
  const metadata = { name: 'new', namespace: 'default' }
  return { apiVersion, kind: 'RoleBinding', metadata, roleRef: { kind: 'ClusterRole', name } }
}

const readPods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }

test('lets somebody grant what he has', () => {
  const check = setUp([readPods, { apiGroups: ['apps'], resources: ['*/scale'], verbs: ['*'] }])
  check({ plural: 'roles', object: role([{ ...readPods, verbs: ['list'] }]) })
  check({ plural: 'roles', object: role([{ ...readPods, resourceNames: ['one'] }]) })
  const scale = { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'] }
  check({ plural: 'roles', object: role([scale]) })
})

test('refuses what he has not, and says what that is', () => {
  const check = setUp([readPods])
  const wanted = [
    { apiGroups: ['', 'apps'], resources: ['pods', 'jobs'], verbs: ['get', 'delete'] },
    { nonResourceURLs: ['/metrics'], verbs: ['get'] },
    { ...readPods, resourceNames: ['one'], verbs: ['watch'] },
  ]
  assert.throws(() => check({ plural: 'roles', object: role(wanted) }), {
    message: [
      `roles.${rbacGroup} "new" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:`,
      '{APIGroups:[""], Resources:["jobs"], Verbs:["get" "delete"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["one"], Verbs:["watch"]}',
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
      '{APIGroups:["apps"], Resources:["jobs"], Verbs:["get" "delete"]}',
      '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "delete"]}',
      '{NonResourceURLs:["/metrics"], Verbs:["get"]}',
    ].join('\n'),
  })
})

test('refuses to bind a role that grants more, unless that may be bound', () => {
  const check = setUp([readPods])
  assert.throws(() => check({ plural: 'rolebindings', object: binding('big') }), {
    message:
      /is attempting to grant RBAC permissions not currently held:\n{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get" "list"\]}$/,
  })
  assert.throws(() => check({ plural: 'rolebindings', object: binding('none') }), {
    message: `clusterrole.${rbacGroup} "none" not found`,
  })
  const bind = { apiGroups: [rbacGroup], resources: ['clusterroles'], verbs: ['bind'] }
  setUp([{ ...bind, resourceNames: ['big'] }])({ plural: 'rolebindings', object: binding('big') })
})

test('lets those write any role who may escalate, and the administrators', () => {
  const wanted = role([{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }])
  const escalate = { apiGroups: [rbacGroup], resources: ['roles'], verbs: ['escalate'] }
  setUp([escalate])({ plural: 'roles', object: wanted })
  const admin = { name: 'root', groups: ['system:masters'] }
  setUp([])({ plural: 'roles', object: wanted, user: admin })
})

test('lets owners and finalizers of a role be changed, whatever the role grants', () => {
  const check = setUp([])
  const old = role([readPods])
  const object = { ...old, metadata: { ...old.metadata, finalizers: [] } }
  const before = { ...old, metadata: { ...old.metadata, finalizers: ['example.com/a'] } }
  check({ plural: 'roles', object, old: before })
  const labelled = { ...object, metadata: { ...object.metadata, labels: { a: 'b' } } }
  assert.throws(
    () => check({ plural: 'roles', object: labelled, old: before }),
    /not currently held/,
  )
})

test('keeps aggregation for those who may do everything', () => {
  const aggregated = {
    ...role([]),
    kind: 'ClusterRole',
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
  }
  const write = { plural: 'clusterroles', object: aggregated }
  assert.throws(() => setUp([readPods])(write), {
    message: `clusterroles.${rbacGroup} "new" is forbidden: must have cluster-admin privileges to use the aggregationRule`,
  })
  setUp([
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ])(write)
})
