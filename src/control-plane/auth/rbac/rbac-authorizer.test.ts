// SPDX-License-Identifier: Apache-2.0
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyRule, RoleRef, Subject } from '../../../kube/types.gen.ts'
import { createMemoryStore } from '../../storage/memory-store.ts'
import type { Store } from '../../storage/store.ts'
import { addObject } from '../../../../test/support/add-object.ts'
import type { RequestAttributes } from '../authorizer.ts'
import { pathAttributes, resourceAttributes } from '../authorizer.ts'
import type { User } from '../user.ts'
import { RbacAuthorizer } from './rbac-authorizer.ts'
import { rbacGroup, rbacStorage } from './rbac-resources.ts'

interface RoleDraft {
  readonly namespace: string
  readonly name: string
  readonly rules: readonly PolicyRule[]
}

interface BindingDraft {
  readonly namespace: string
  readonly name: string
  readonly roleRef: RoleRef
  readonly subjects: readonly Subject[]
}

const jane: User = { name: 'jane', groups: ['dev', 'system:authenticated'] }

function addRole(store: Store, { name, namespace, rules }: RoleDraft): void {
  const resource = namespace === '' ? rbacStorage.clusterRoles : rbacStorage.roles
  addObject(store, resource, { metadata: { name, ...(namespace !== '' && { namespace }) }, rules })
}

function addBinding(store: Store, { name, namespace, roleRef, subjects }: BindingDraft): void {
  const resource = namespace === '' ? rbacStorage.clusterRoleBindings : rbacStorage.roleBindings
  const metadata = { name, ...(namespace !== '' && { namespace }) }
  addObject(store, resource, { metadata, roleRef, subjects })
}

const readPods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }
const bound = { apiGroup: rbacGroup, kind: 'User', name: 'jane' }
const list = resourceAttributes({ verb: 'list', resource: 'pods', namespace: 'default' })

test('allows by name, by group and as a service account, and says by which binding', () => {
  const store = createMemoryStore()
  addRole(store, { namespace: '', name: 'reader', rules: [readPods] })
  addRole(store, { namespace: 'default', name: 'local', rules: [readPods] })
  const rbac = new RbacAuthorizer(store)
  const reader = { kind: 'ClusterRole', name: 'reader' }
  const cases: readonly (readonly [BindingDraft, User, string])[] = [
    [
      { namespace: '', name: 'b1', roleRef: reader, subjects: [{ kind: 'User', name: 'u1' }] },
      { name: 'u1', groups: [] },
      'ClusterRoleBinding "b1" of ClusterRole "reader" to User "u1"',
    ],
    [
      { namespace: '', name: 'b2', roleRef: reader, subjects: [{ kind: 'Group', name: 'g1' }] },
      { name: 'u2', groups: ['g0', 'g1'] },
      'ClusterRoleBinding "b2" of ClusterRole "reader" to Group "g1"',
    ],
    [
      {
        namespace: 'default',
        name: 'b3',
        roleRef: { kind: 'Role', name: 'local' },
        subjects: [{ kind: 'ServiceAccount', name: 'sa' }],
      },
      { name: 'system:serviceaccount:default:sa', groups: [] },
      'RoleBinding "b3/default" of Role "local" to ServiceAccount "sa/default"',
    ],
  ]
  for (const [binding, user, source] of cases) {
    assert.deepEqual(rbac.authorize(user, list), { allowed: false, reason: '' })
    addBinding(store, binding)
    assert.deepEqual(rbac.authorize(user, list), {
      allowed: true,
      reason: `RBAC: allowed by ${source}`,
    })
  }
})

test('forgets what it allowed as soon as a role or binding changes', () => {
  const store = createMemoryStore()
  const rbac = new RbacAuthorizer(store)
  const roleRef = { kind: 'Role', name: 'reader' }
  addBinding(store, { namespace: 'default', name: 'b', roleRef, subjects: [bound] })
  assert.deepEqual(rbac.authorize(jane, list), {
    allowed: false,
    reason: `RBAC: role.${rbacGroup} "reader" not found`,
  })
  addRole(store, { namespace: 'default', name: 'reader', rules: [readPods] })
  assert.equal(rbac.authorize(jane, list).allowed, true)
  assert.equal(rbac.authorize(jane, { ...list, namespace: 'other' }).allowed, false)
  assert.equal(rbac.authorize(jane, { ...list, namespace: '' }).allowed, false)
  store.remove({ resource: rbacStorage.roleBindings, namespace: 'default', name: 'b' })
  assert.deepEqual(rbac.authorize(jane, list), { allowed: false, reason: '' })
})

const ruleTable: readonly (readonly [PolicyRule, RequestAttributes, boolean])[] = [
  [{ ...readPods, verbs: ['*'] }, { ...list, verb: 'deletecollection' }, true],
  [{ ...readPods, apiGroups: ['*'] }, { ...list, group: 'metrics.k8s.io' }, true],
  [{ ...readPods, resources: ['*'] }, { ...list, subresource: 'log' }, true],
  [readPods, { ...list, subresource: 'log' }, false],
  [{ ...readPods, resources: ['pods/log'] }, { ...list, subresource: 'log' }, true],
  [{ ...readPods, resources: ['*/scale'] }, { ...list, subresource: 'scale' }, true],
  [{ ...readPods, resources: ['*/scale'] }, { ...list, subresource: 'status' }, false],
  [{ ...readPods, resourceNames: ['a'] }, { ...list, verb: 'get', name: 'a' }, true],
  [{ ...readPods, resourceNames: ['a'] }, { ...list, verb: 'get', name: 'b' }, false],
  [{ ...readPods, resourceNames: ['a'] }, list, false],
  [{ nonResourceURLs: ['/livez'], verbs: ['get'] }, pathAttributes('get', '/livez'), true],
  [{ nonResourceURLs: ['/livez'], verbs: ['get'] }, pathAttributes('get', '/livez/ping'), false],
  [{ nonResourceURLs: ['/livez/*'], verbs: ['get'] }, pathAttributes('get', '/livez/ping'), true],
  [{ nonResourceURLs: ['*'], verbs: ['get'] }, pathAttributes('get', '/anything'), true],
  [{ nonResourceURLs: ['/livez'], verbs: ['get'] }, pathAttributes('post', '/livez'), false],
  [{ nonResourceURLs: ['*'], verbs: ['*'] }, list, false],
]

test('reads wildcards, subresources, names and paths as Kubernetes does', () => {
  for (const [rule, attributes, allowed] of ruleTable) {
    const store = createMemoryStore()
    const roleRef = { kind: 'ClusterRole', name: 'r' }
    addRole(store, { namespace: '', name: 'r', rules: [rule] })
    addBinding(store, { namespace: '', name: 'b', roleRef, subjects: [bound] })
    const decision = new RbacAuthorizer(store).authorize(jane, attributes)
    assert.equal(decision.allowed, allowed, JSON.stringify([rule, attributes]))
  }
})

const names = ['a', 'b', 'c']
const namespaces = ['', 'x', 'y']
const name = fc.constantFrom(...names)
const namespace = fc.constantFrom(...namespaces)
const some = (...values: string[]) =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
const rule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record(
    {
      apiGroups: some('', 'apps', '*'),
      resources: some('pods', 'pods/log', 'jobs', '*', '*/log'),
      verbs: some('get', 'list', '*'),
      resourceNames: some(...names),
    },
    { requiredKeys: ['apiGroups', 'resources', 'verbs'] },
  ),
  fc.record({ nonResourceURLs: some('/a', '/a/*', '*'), verbs: some('get', '*') }),
)
const subject: fc.Arbitrary<Subject> = fc.record(
  {
    kind: fc.constantFrom('User', 'Group', 'ServiceAccount'),
    name,
    namespace: fc.constantFrom('x', 'y'),
  },
  { requiredKeys: ['kind', 'name'] },
)
const kind = fc.constantFrom('Role', 'ClusterRole')
const role = fc.record({ namespace, name, rules: fc.array(rule, { maxLength: 2 }) })
const binding = fc.record({
  namespace,
  name,
  roleRef: fc.record({ kind, name }),
  subjects: fc.array(subject, { maxLength: 2 }),
})
const user = fc.record({
  name: fc.constantFrom(...names, 'system:serviceaccount:x:a', 'system:serviceaccount:y:b'),
  groups: fc.uniqueArray(name, { maxLength: 2 }),
})
const attributes = fc.oneof(
  fc
    .record({
      verb: fc.constantFrom('get', 'list', 'delete'),
      group: fc.constantFrom('', 'apps'),
      resource: fc.constantFrom('pods', 'jobs'),
      subresource: fc.constantFrom('', 'log'),
      namespace,
      name: fc.constantFrom('', ...names),
    })
    .map(resourceAttributes),
  fc.constantFrom('/a', '/a/b', '/b').map((path) => pathAttributes('get', path)),
)

test('decides as looking at every role and binding does, whatever is written in between', () => {
  const change = fc.oneof(
    role.map((draft) => ({ role: draft, binding: undefined })),
    binding.map((draft) => ({ role: undefined, binding: draft })),
  )
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 12 }),
      fc.array(fc.tuple(user, attributes), { minLength: 1, maxLength: 6 }),
      (changes, requests) => {
        const store = createMemoryStore()
        const rbac = new RbacAuthorizer(store)
        const roles = new Map<string, RoleDraft>()
        const bindings = new Map<string, BindingDraft>()
        for (const { binding: boundTo, role: written } of changes) {
          if (written) addRole(store, written)
          if (written) roles.set(`${written.namespace}/${written.name}`, written)
          if (boundTo) addBinding(store, boundTo)
          if (boundTo) bindings.set(`${boundTo.namespace}/${boundTo.name}`, boundTo)
          for (const [asker, wanted] of requests) {
            const expected = naively({ roles, bindings }, asker, wanted)
            assert.equal(rbac.authorize(asker, wanted).allowed, expected)
          }
        }
      },
    ),
  )
})

/** Straight from the documentation, one binding after another. */
function naively(
  state: {
    readonly roles: ReadonlyMap<string, RoleDraft>
    readonly bindings: ReadonlyMap<string, BindingDraft>
  },
  asker: User,
  wanted: RequestAttributes,
): boolean {
  return [...state.bindings.values()].some((one) => {
    if (one.namespace !== '' && one.namespace !== wanted.namespace) return false
    const isAsker = one.subjects.some((who) => {
      if (who.kind === 'User') return who.name === asker.name
      if (who.kind === 'Group') return asker.groups.includes(who.name)
      const where = who.namespace ?? one.namespace
      return where !== '' && asker.name === `system:serviceaccount:${where}:${who.name}`
    })
    if (!isAsker) return false
    const place = one.roleRef.kind === 'Role' ? one.namespace : ''
    if (one.roleRef.kind === 'Role' && place === '') return false
    const rules = state.roles.get(`${place}/${one.roleRef.name}`)?.rules ?? []
    return rules.some((candidate) => allowsNaively(candidate, wanted))
  })
}

function allowsNaively(candidate: PolicyRule, wanted: RequestAttributes): boolean {
  const has = (values: readonly string[] | undefined, value: string) =>
    (values ?? []).some((one) => one === '*' || one === value)
  if (!has(candidate.verbs, wanted.verb)) return false
  if (!wanted.isResource) {
    return (candidate.nonResourceURLs ?? []).some((url) =>
      url.endsWith('*') ? wanted.path.startsWith(url.slice(0, -1)) : url === wanted.path,
    )
  }
  const full = wanted.subresource === '' ? wanted.resource : `${wanted.resource}/log`
  const isResource =
    has(candidate.resources, full) ||
    (wanted.subresource !== '' && (candidate.resources ?? []).includes('*/log'))
  const isName = candidate.resourceNames?.includes(wanted.name) ?? true
  return isResource && isName && has(candidate.apiGroups, wanted.group)
}
