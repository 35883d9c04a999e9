// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isStricter, policyOf, policyText } from './policy.ts'

function texts(labels: Readonly<Record<string, string>>): readonly string[] {
  const full = Object.entries(labels).map(([key, value]) => [
    `pod-security.kubernetes.io/${key}`,
    value,
  ])
  const { policy, errors } = policyOf(Object.fromEntries(full) as Record<string, string>)
  const { enforce, audit, warn } = policy
  return [
    ...[enforce, audit, warn].map(policyText),
    ...errors.map(({ field, message }) => `${field}: ${message}`),
  ]
}

const free = 'privileged:latest'

test('without labels everything is allowed', () => {
  assert.deepEqual(texts({}), [free, free, free])
  assert.deepEqual(policyOf(undefined).errors, [])
})

test('who names what is refused is warned of the same, unless he says otherwise', () => {
  const both = ['baseline:v1.20', free, 'baseline:v1.20']
  assert.deepEqual(texts({ enforce: 'baseline', 'enforce-version': 'v1.20' }), both)
  assert.deepEqual(
    texts({ enforce: 'baseline', 'enforce-version': 'v1.20', 'warn-version': 'v1.3' }),
    ['baseline:v1.20', free, 'baseline:v1.3'],
  )
  assert.deepEqual(texts({ enforce: 'restricted', warn: 'privileged', audit: 'baseline' }), [
    'restricted:latest',
    'baseline:latest',
    free,
  ])
})

test('what cannot be read is strict where it refuses, and said', () => {
  const at = (label: string): string => `metadata.labels[pod-security.kubernetes.io/${label}]`
  const levels = 'must be one of privileged, baseline, restricted'
  assert.deepEqual(texts({ enforce: 'strict', audit: 'x', warn: '' }), [
    'restricted:latest',
    free,
    free,
    `${at('enforce')}: Invalid value: "strict": ${levels}`,
    `${at('audit')}: Invalid value: "x": ${levels}`,
    `${at('warn')}: Invalid value: "": ${levels}`,
  ])
  for (const version of ['v1.01', 'v2.0', '1.20', 'v1.x', '']) {
    const told = `${at('enforce-version')}: Invalid value: "${version}": must be "latest" or "v1.x"`
    assert.deepEqual(texts({ enforce: 'baseline', 'enforce-version': version }).slice(-1), [told])
  }
})

test('levels are compared by what they ask for', () => {
  assert.ok(isStricter({ level: 'restricted' }, { level: 'baseline' }))
  assert.ok(!isStricter({ level: 'baseline' }, { level: 'baseline' }))
  assert.ok(!isStricter({ level: 'privileged' }, { level: 'baseline' }))
})
