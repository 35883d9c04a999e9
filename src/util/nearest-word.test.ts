// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from './nearest-word.ts'

test('finds the word that was meant, and none where nothing is near', () => {
  const known = ['Pod', 'Job', 'CronJob', 'Deployment']
  for (const [word, meant] of [
    ['Pood', 'Pod'],
    ['pod', 'Pod'],
    ['Deploymnet', 'Deployment'],
    ['cronjobs', 'CronJob'],
    ['ConfigMap', undefined],
    ['Foo', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(nearest(word, known), meant, word)
  }
})
