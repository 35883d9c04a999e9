// SPDX-License-Identifier: Apache-2.0
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyRule } from '../../../kube/types.gen.ts'
import type { RequestAttributes } from '../authorizer.ts'
import { pathAttributes, resourceAttributes } from '../authorizer.ts'
import { ruleAllows } from './match-rule.ts'
import { describeRules, uncoveredRules } from './rule-coverage.ts'

const some = (...values: string[]) =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
const rule: fc.Arbitrary<PolicyRule> = fc.oneof(
  fc.record(
    {
      apiGroups: some('', 'apps', '*'),
      resources: some('pods', 'pods/log', 'jobs', '*', '*/log'),
      verbs: some('get', 'list', '*'),
      resourceNames: some('a', 'b'),
    },
    { requiredKeys: ['apiGroups', 'resources', 'verbs'] },
  ),
  fc.record({ nonResourceURLs: some('/a', '/a/*', '/a/b', '*'), verbs: some('get', '*') }),
)
const rules = fc.array(rule, { maxLength: 3 })

const everyRequest: readonly RequestAttributes[] = [
  ...['get', 'list', 'delete'].flatMap((verb) =>
    ['', 'apps', 'batch'].flatMap((group) =>
      ['pods', 'jobs', 'nodes'].flatMap((resource) =>
        ['', 'log', 'status'].flatMap((subresource) =>
          ['', 'a', 'b', 'c'].map((name) =>
            resourceAttributes({ verb, group, resource, subresource, name }),
          ),
        ),
      ),
    ),
  ),
  ...['get', 'post'].flatMap((verb) =>
    ['/a', '/a/b', '/a/c', '/d'].map((path) => pathAttributes(verb, path)),
  ),
]

const allows = (owned: readonly PolicyRule[], request: RequestAttributes) =>
  owned.some((one) => ruleAllows(one, request))

test('finds nothing missing only where everything that is wanted is owned', () => {
  fc.assert(
    fc.property(rules, rules, (owned, wanted) => {
      const missing = uncoveredRules(owned, wanted)
      for (const request of everyRequest) {
        if (!allows(wanted, request)) continue
        assert.ok(allows(owned, request) || allows(missing, request), JSON.stringify(request))
      }
    }),
  )
})

test('lets everybody grant what he has, and the sum of it', () => {
  fc.assert(
    fc.property(rules, (owned) => {
      assert.deepEqual(uncoveredRules(owned, owned), [])
    }),
  )
})

test('tells what is missing by resource', () => {
  const wanted = { apiGroups: [''], resources: ['pods', 'jobs'], verbs: ['get', 'list'] }
  assert.deepEqual(describeRules(uncoveredRules([], [wanted])), [
    '{APIGroups:[""], Resources:["jobs"], Verbs:["get" "list"]}',
    '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
  ])
})
