// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestAttributes } from './authorizer.ts'
import { resourceAttributes } from './authorizer.ts'
import type { DistinctHeaders } from './impersonation.ts'
import { impersonatedUser } from './impersonation.ts'
import type { User } from './user.ts'

const caller: User = { name: 'root', groups: ['ops', 'system:authenticated'] }
const attributes = resourceAttributes({ verb: 'list', resource: 'pods', namespace: 'default' })

/** Allows what `allows` names, as `verb resource/subresource name`. */
function as(headers: DistinctHeaders, allows: readonly string[], who: User = caller): User {
  const authorizer = {
    authorize: (_: User, asked: RequestAttributes) => {
      const { name, namespace, resource, subresource, verb } = asked
      const what = subresource === '' ? resource : `${resource}/${subresource}`
      const where = resource === 'serviceaccounts' ? `${namespace}/${name}` : name
      return { allowed: allows.includes(`${verb} ${what} ${where}`.trim()), reason: '' }
    },
  }
  return impersonatedUser(who, headers, { authorizer, attributes })
}

test('leaves a request without such headers alone', () => {
  assert.equal(as({ accept: ['*/*'] }, []), caller)
})

test('makes the caller another user, with groups, uid and extra', () => {
  const headers = {
    'impersonate-user': ['jane'],
    'impersonate-group': ['dev', 'qa'],
    'impersonate-uid': ['7'],
    'impersonate-extra-example.com%2fteam': ['red', 'blue'],
  }
  const allows = [
    'impersonate users jane',
    'impersonate groups dev',
    'impersonate groups qa',
    'impersonate uids 7',
    'impersonate userextras/example.com/team red',
    'impersonate userextras/example.com/team blue',
  ]
  assert.deepEqual(as(headers, allows), {
    name: 'jane',
    uid: '7',
    groups: ['dev', 'qa', 'system:authenticated'],
    extra: { 'example.com/team': ['red', 'blue'] },
  })
  for (const missing of allows) {
    assert.throws(
      () =>
        as(
          headers,
          allows.filter((one) => one !== missing),
        ),
      {
        message:
          /^pods is forbidden: User "root" cannot impersonate-on:user-info:list resource "pods"/,
      },
    )
  }
})

test('gives service accounts their groups, and anonymous its own', () => {
  const account = { 'impersonate-user': ['system:serviceaccount:default:builder'] }
  const allowed = as(account, ['impersonate serviceaccounts default/builder'])
  assert.deepEqual(allowed.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ])
  const nobody = { 'impersonate-user': ['system:anonymous'] }
  const { groups } = as(nobody, ['impersonate users system:anonymous'])
  assert.deepEqual(groups, ['system:unauthenticated'])
})

test('lets a narrow permission do: to be the user, and to do this as one', () => {
  const headers = { 'impersonate-user': ['jane'], 'impersonate-group': ['dev'] }
  const may = ['impersonate:user-info users jane', 'impersonate:user-info groups dev']
  const on = 'impersonate-on:user-info:list pods'
  assert.equal(as(headers, [...may, on]).name, 'jane')
  assert.throws(() => as(headers, may), /cannot impersonate-on:user-info:list/)
  assert.throws(() => as(headers, [on]), {
    message:
      'users.authentication.k8s.io "jane" is forbidden: User "root" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
  })
  const masters = { ...headers, 'impersonate-group': ['system:masters'] }
  const all = [...may, on, 'impersonate:user-info groups system:masters']
  assert.throws(() => as(masters, all), /impersonating the system:masters group is not allowed/)
})

test('lets a workload be the node that it is on', () => {
  const headers = { 'impersonate-user': ['system:node:n1'] }
  const allows = [
    'impersonate-on:associated-node:list pods',
    'impersonate:associated-node nodes n1',
  ]
  const extra = { 'authentication.kubernetes.io/node-name': ['n1'] }
  const agent = { name: 'system:serviceaccount:default:agent', groups: [], extra }
  assert.deepEqual(as(headers, allows, agent).groups, ['system:nodes', 'system:authenticated'])
  const elsewhere = { ...agent, extra: { 'authentication.kubernetes.io/node-name': ['n2'] } }
  assert.throws(() => as(headers, allows, elsewhere), /impersonate-on:arbitrary-node:list/)
})

test('refuses to be a group or uid without being somebody', () => {
  for (const header of ['impersonate-group', 'impersonate-uid', 'impersonate-extra-a']) {
    assert.throws(() => as({ [header]: ['x'] }, []), { code: 400 })
  }
  assert.throws(() => as({ 'impersonate-group': ['x', 'y'], 'impersonate-extra-a': ['b'] }, []), {
    message:
      'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"x", "y"}, Extra:map[string][]string{"a":[]string{"b"}}} without impersonating a user name',
  })
})

test('tells the refusal of the way that has served the caller before', () => {
  const authorizer = {
    authorize: (_: User, { name, verb }: RequestAttributes) => ({
      allowed: verb === 'impersonate' && name === 'joe',
      reason: '',
    }),
  }
  const context = { authorizer, attributes }
  const be = (name: string) => impersonatedUser(caller, { 'impersonate-user': [name] }, context)
  assert.throws(() => be('jim'), /cannot impersonate-on:user-info:list resource "pods"/)
  assert.equal(be('joe').name, 'joe')
  assert.throws(() => be('jim'), {
    message:
      'users "jim" is forbidden: User "root" cannot impersonate resource "users" in API group "" at the cluster scope',
  })
})
