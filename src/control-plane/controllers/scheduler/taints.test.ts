// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Toleration } from '../../../kube/types.gen.ts'
import { tolerates, untoleratedTaint } from './taints.ts'

const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' }

describe('tolerates', () => {
  it('goes by key, value and effect, each of which may be left open', () => {
    const cases: readonly (readonly [Toleration, boolean])[] = [
      [{ key: 'gpu', operator: 'Exists' }, true],
      [{ key: 'gpu', value: 'yes' }, true],
      [{ key: 'gpu', operator: 'Equal', value: 'no' }, false],
      [{ operator: 'Exists' }, true],
      [{ operator: 'Exists', effect: 'NoExecute' }, false],
      [{ key: 'cpu', operator: 'Exists' }, false],
      [{}, false],
    ]
    for (const [toleration, expected] of cases) {
      assert.equal(tolerates(toleration, taint), expected, JSON.stringify(toleration))
    }
  })
})

describe('untoleratedTaint', () => {
  it('passes over taints that only ask', () => {
    const soft = { ...taint, effect: 'PreferNoSchedule' }
    assert.equal(untoleratedTaint([soft], []), undefined)
    assert.equal(untoleratedTaint([soft, taint], []), taint)
    assert.equal(untoleratedTaint([taint], [{ operator: 'Exists' }]), undefined)
  })
})
