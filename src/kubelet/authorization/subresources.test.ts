// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subresourcesOf, verbOf } from './subresources.ts'

const table: readonly (readonly [string, string])[] = [
  ['/stats', 'stats'],
  ['/stats/summary', 'stats'],
  ['/statsandmore', 'proxy'],
  ['/metrics/cadvisor', 'metrics'],
  ['/logs/a/b', 'log'],
  ['/checkpoint/n/p/c', 'checkpoint'],
  ['/statusz', 'statusz'],
  ['/flagz', 'configz'],
  ['/pods', 'pods proxy'],
  ['/pods/', 'pods proxy'],
  ['/pods/more', 'proxy'],
  ['/runningpods/', 'pods proxy'],
  ['/healthz/ping', 'healthz proxy'],
  ['/configz', 'configz proxy'],
  ['/containerLogs/n/p/c', 'proxy'],
  ['/exec/n/p/c', 'proxy'],
  ['/', 'proxy'],
  ['/constructor', 'proxy'],
]

for (const [path, subresources] of table) {
  test(`${path} is opened by ${subresources}`, () => {
    assert.equal(subresourcesOf(path).join(' '), subresources)
  })
}

test('a method stands for its verb, and unknown ones for none', () => {
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'constructor', undefined]
  const verbs = ['get', 'create', 'update', 'patch', 'delete', '', '', '']
  assert.deepEqual(methods.map(verbOf), verbs)
})
