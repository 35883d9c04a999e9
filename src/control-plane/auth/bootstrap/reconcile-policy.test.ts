// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterRole } from '../../../kube/types.gen.ts'
import { createMemoryStore } from '../../storage/memory-store.ts'
import { addObject } from '../../../../test/support/add-object.ts'
import { pathAttributes, resourceAttributes } from '../authorizer.ts'
import { startRoleAggregation } from '../rbac/aggregate-roles.ts'
import { RbacAuthorizer } from '../rbac/rbac-authorizer.ts'
import { rbacStorage } from '../rbac/rbac-resources.ts'
import { serviceAccountUser } from '../service-account-user.ts'
import { storedObject } from '../stored-object.ts'
import { reconcilePolicy } from './reconcile-policy.ts'

const nowMs = Date.UTC(2026, 0, 1)
const everybody = ['system:authenticated']
const requests = 'system:certificates.k8s.io:certificatesigningrequests'

function setUp() {
  const store = createMemoryStore()
  reconcilePolicy(store, { nowMs })
  const role = (name: string) =>
    storedObject<ClusterRole>(store, rbacStorage.clusterRoles, { namespace: '', name })
  return { store, role }
}

test('makes the roles and bindings of a new cluster, and changes nothing the second time', () => {
  const { store } = setUp()
  assert.deepEqual(
    Object.values(rbacStorage).map((resource) => store.count(resource)),
    [69, 50, 7, 7],
  )
  const { revision } = store
  reconcilePolicy(store, { nowMs })
  assert.equal(store.revision, revision)
})

test('gives everybody what everybody may do', () => {
  const { store } = setUp()
  const rbac = new RbacAuthorizer(store)
  const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
  const jane = { name: 'jane', groups: everybody }
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
    assert.equal(rbac.authorize(anonymous, pathAttributes('get', path)).allowed, true, path)
  }
  assert.equal(rbac.authorize(anonymous, pathAttributes('get', '/api')).allowed, false)
  assert.equal(rbac.authorize(jane, pathAttributes('get', '/api')).allowed, true)
  const review = { verb: 'create', group: 'authorization.k8s.io' }
  const own = resourceAttributes({ ...review, resource: 'selfsubjectaccessreviews' })
  const others = resourceAttributes({ ...review, resource: 'subjectaccessreviews' })
  assert.equal(rbac.authorize(jane, own).allowed, true)
  assert.equal(rbac.authorize(jane, others).allowed, false)
})

test('lets controllers and the scheduler do their work, and bound nodes ask for certificates', () => {
  const { store } = setUp()
  for (const [role, group] of [
    ['system:node-bootstrapper', 'system:bootstrappers'],
    [`${requests}:nodeclient`, 'system:bootstrappers'],
    [`${requests}:selfnodeclient`, 'system:nodes'],
  ] as const) {
    addObject(store, rbacStorage.clusterRoleBindings, {
      metadata: { name: role },
      roleRef: { kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'Group', name: group }],
    })
  }
  const rbac = new RbacAuthorizer(store)
  const job = serviceAccountUser({ namespace: 'kube-system', name: 'job-controller' })
  const scheduler = { name: 'system:kube-scheduler', groups: everybody }
  const joining = { name: 'system:bootstrap:a', groups: ['system:bootstrappers', ...everybody] }
  const node = { name: 'system:node:n1', groups: ['system:nodes', ...everybody] }
  const csr = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' }
  for (const [user, attributes] of [
    [job, { verb: 'create', resource: 'pods', namespace: 'any' }],
    [scheduler, { verb: 'create', resource: 'pods', subresource: 'binding', namespace: 'any' }],
    [joining, { verb: 'create', ...csr }],
    [joining, { verb: 'create', ...csr, subresource: 'nodeclient' }],
    [node, { verb: 'create', ...csr, subresource: 'selfnodeclient' }],
  ] as const) {
    assert.equal(rbac.authorize(user, resourceAttributes(attributes)).allowed, true)
  }
  const pods = resourceAttributes({ verb: 'create', resource: 'pods', namespace: 'any' })
  assert.equal(rbac.authorize(joining, pods).allowed, false)
  assert.equal(rbac.authorize(node, pods).allowed, false)
})

test('makes view, edit and admin of their parts, each with what the smaller one has', () => {
  const { role } = setUp()
  const [view, edit, admin] = ['view', 'edit', 'admin'].map((name) => role(name)?.rules ?? [])
  assert.ok(view && edit && admin)
  assert.ok(view.length > 5)
  assert.ok(
    edit.length > view.length &&
      view.every((rule) => JSON.stringify(edit).includes(JSON.stringify(rule))),
  )
  assert.ok(admin.length > edit.length)
})

test('follows new roles that ask to be collected', async () => {
  const { role, store } = setUp()
  using _ = startRoleAggregation(store)
  const rule = { apiGroups: ['example.com'], resources: ['things'], verbs: ['get'] }
  const labels = { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' }
  addObject(store, rbacStorage.clusterRoles, {
    metadata: { name: 'things', labels },
    rules: [rule],
  })
  await store.durable()
  await new Promise(setImmediate)
  for (const name of ['view', 'edit', 'admin']) {
    assert.ok(JSON.stringify(role(name)?.rules).includes('"things"'), name)
  }
  store.remove({ resource: rbacStorage.clusterRoles, namespace: '', name: 'things' })
  await store.durable()
  await new Promise(setImmediate)
  assert.ok(!JSON.stringify(role('admin')?.rules).includes('"things"'))
})

test('gives back what was taken from a built-in role, but nothing else, and nothing to one that opted out', () => {
  const { role, store } = setUp()
  const key = { resource: rbacStorage.clusterRoles, namespace: '', name: 'system:discovery' }
  const mine = { nonResourceURLs: ['/mine'], verbs: ['get'] }
  const { object } = store.get(key) ?? assert.fail()
  store.put(key, { ...object, rules: [mine] })
  reconcilePolicy(store, { nowMs })
  const urls = role('system:discovery')?.rules?.flatMap((rule) => rule.nonResourceURLs ?? []) ?? []
  assert.ok(urls.includes('/mine') && urls.includes('/api'))
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
  store.put(key, { ...object, metadata: { ...object.metadata, annotations }, rules: [mine] })
  reconcilePolicy(store, { nowMs })
  assert.deepEqual(role('system:discovery')?.rules, [mine])
})

test('binds again what was bound to another role, and adds subjects that are missing', () => {
  const { store } = setUp()
  const key = { resource: rbacStorage.clusterRoleBindings, namespace: '', name: 'cluster-admin' }
  const { object } = store.get(key) ?? assert.fail()
  const other = { kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }
  store.put(key, { ...object, subjects: [other] })
  reconcilePolicy(store, { nowMs })
  const subjects = (store.get(key)?.object as { subjects?: unknown[] } | undefined)?.subjects
  assert.deepEqual(subjects, [other, ...(object['subjects'] as unknown[])])
  store.put(key, { ...object, roleRef: { kind: 'ClusterRole', name: 'view' } })
  reconcilePolicy(store, { nowMs })
  assert.deepEqual(store.get(key)?.object['roleRef'], object['roleRef'])
})
