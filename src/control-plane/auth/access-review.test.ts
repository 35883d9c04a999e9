// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceAttributes, SubjectAccessReviewSpec } from '../../kube/types.gen.ts'
import { readRequestInfo } from '../http/request-info.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import {
  answerLocalSubjectAccessReview,
  answerSelfSubjectAccessReview,
  answerSelfSubjectRulesReview,
  answerSubjectAccessReview,
} from './access-review.ts'
import { addObject } from '../../../test/support/add-object.ts'
import { anyOf, forbiddenBy, mastersAuthorizer } from './authorizer.ts'
import { RbacAuthorizer } from './rbac/rbac-authorizer.ts'
import { rbacStorage } from './rbac/rbac-resources.ts'
import { requestAttributes } from './request-attributes.ts'

const jane = { name: 'jane', groups: ['system:authenticated'] }
const metadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' }

function setUp() {
  const store = createMemoryStore()
  addObject(store, rbacStorage.roles, {
    metadata: { namespace: 'default', name: 'r' },
    rules: [
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['one'], verbs: ['get'] },
    ],
  })
  addObject(store, rbacStorage.roleBindings, {
    metadata: { namespace: 'default', name: 'b' },
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [{ kind: 'User', name: 'jane' }],
  })
  addObject(store, rbacStorage.clusterRoles, {
    metadata: { name: 'c' },
    rules: [{ nonResourceURLs: ['/version'], verbs: ['get'] }],
  })
  addObject(store, rbacStorage.clusterRoleBindings, {
    metadata: { name: 'c' },
    roleRef: { kind: 'ClusterRole', name: 'c' },
    subjects: [{ kind: 'Group', name: 'system:authenticated' }],
  })
  const rbac = new RbacAuthorizer(store)
  return { rbac, authorizer: anyOf([mastersAuthorizer, rbac]) }
}

test('answers for anybody who is named, and for the asker', () => {
  const { authorizer } = setUp()
  const ask = (spec: SubjectAccessReviewSpec) =>
    answerSubjectAccessReview({ metadata, spec }, authorizer).status
  const pods: ResourceAttributes = { verb: 'list', resource: 'pods', namespace: 'default' }
  const by = 'RBAC: allowed by RoleBinding "b/default" of Role "r" to User "jane"'
  assert.deepEqual(ask({ user: 'jane', resourceAttributes: pods }), { allowed: true, reason: by })
  assert.deepEqual(ask({ user: 'joe', resourceAttributes: pods }), { allowed: false })
  assert.deepEqual(ask({ user: 'joe', groups: ['system:masters'], resourceAttributes: pods }), {
    allowed: true,
  })
  const own = answerSelfSubjectAccessReview(
    { metadata, spec: { nonResourceAttributes: { verb: 'get', path: '/version' } } },
    jane,
    authorizer,
  )
  assert.equal(own.status?.allowed, true)
})

test('refuses questions about nobody, about nothing, and about two things', () => {
  const { authorizer } = setUp()
  const pods = { verb: 'list', resource: 'pods' }
  const path = { verb: 'get', path: '/' }
  for (const [spec, message] of [
    [{ resourceAttributes: pods }, /spec\.user: .*at least one of user or group must be specified/],
    [{ user: 'jane' }, /exactly one of nonResourceAttributes or resourceAttributes/],
    [
      { user: 'jane', resourceAttributes: pods, nonResourceAttributes: path },
      /cannot be specified in combination with resourceAttributes/,
    ],
  ] as const) {
    assert.throws(() => answerSubjectAccessReview({ metadata, spec }, authorizer), message)
  }
})

test('answers within a namespace only about that namespace', () => {
  const { authorizer } = setUp()
  const ask = (namespace: string, spec: SubjectAccessReviewSpec) =>
    answerLocalSubjectAccessReview(
      { metadata: { ...metadata, namespace: 'default' }, spec },
      namespace,
      authorizer,
    )
  const pods = { verb: 'list', resource: 'pods', namespace: 'default' }
  const spec = { user: 'jane', resourceAttributes: pods }
  assert.equal(ask('default', spec).status?.allowed, true)
  assert.throws(() => ask('other', spec), /must match namespace: other/)
  const elsewhere = { ...spec, resourceAttributes: { ...pods, namespace: 'other' } }
  assert.throws(() => ask('default', elsewhere), /must match metadata.namespace/)
})

test('lists what the asker may do', () => {
  const { rbac } = setUp()
  const review = (namespace: string) =>
    answerSelfSubjectRulesReview({ metadata, spec: { namespace } }, jane, rbac).status
  assert.deepEqual(review('default'), {
    resourceRules: [
      { verbs: ['list'], apiGroups: [''], resources: ['pods'] },
      { verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['one'] },
    ],
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/version'] }],
    incomplete: false,
  })
  assert.deepEqual(review('other')?.resourceRules, [])
  assert.throws(() => review(''), /no namespace on request/)
})

const refusals: readonly (readonly [string, string, string])[] = [
  [
    'GET',
    '/api/v1/namespaces/default/pods?limit=500',
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
  ],
  [
    'DELETE',
    '/apis/apps/v1/namespaces/default/deployments/web',
    'deployments.apps "web" is forbidden: User "jane" cannot delete resource "deployments" in API group "apps" in the namespace "default"',
  ],
  [
    'GET',
    '/api/v1/nodes',
    'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
  ],
  [
    'GET',
    '/api/v1/namespaces/default',
    'namespaces "default" is forbidden: User "jane" cannot get resource "namespaces" in API group "" in the namespace "default"',
  ],
  [
    'POST',
    '/api/v1/namespaces/default/pods/web/exec',
    'pods "web" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "default"',
  ],
  [
    'GET',
    '/api/v1/namespaces/default/secrets?fieldSelector=metadata.name%3Done&watch=1',
    'secrets "one" is forbidden: User "jane" cannot watch resource "secrets" in API group "" in the namespace "default"',
  ],
  ['GET', '/metrics', 'forbidden: User "jane" cannot get path "/metrics"'],
  ['GET', '/a<b>&c', 'forbidden: User "jane" cannot get path "/a&lt;b&gt;&amp;c"'],
]

test('refuses in the words of the API', () => {
  for (const [method, url, message] of refusals) {
    const attributes = requestAttributes(readRequestInfo(method, url))
    assert.equal(forbiddenBy(jane, attributes, '').message, message)
  }
  const attributes = requestAttributes(readRequestInfo('GET', '/metrics'))
  const { status } = forbiddenBy(jane, attributes, 'RBAC: broken')
  assert.equal(status.message, 'forbidden: User "jane" cannot get path "/metrics": RBAC: broken')
  assert.equal(status.code, 403)
})
