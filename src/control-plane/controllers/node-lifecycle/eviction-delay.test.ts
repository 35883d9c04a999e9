// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { evictionDelayMs } from './eviction-delay.ts'

const taint = (key: string) => ({ key, effect: 'NoExecute' })

describe('evictionDelayMs', () => {
  it('is the shortest time of the tolerations that are used', () => {
    const tolerations = [
      { key: 'a', operator: 'Exists', tolerationSeconds: 30 },
      { key: 'b', operator: 'Exists', tolerationSeconds: 10 },
      { key: 'c', operator: 'Exists' },
      { key: 'd', operator: 'Exists', tolerationSeconds: -5 },
    ]
    const delay = (...keys: readonly string[]) => evictionDelayMs(keys.map(taint), tolerations)
    assert.equal(delay(), Infinity)
    assert.equal(delay('c'), Infinity)
    assert.equal(delay('a'), 30_000)
    assert.equal(delay('a', 'b', 'c'), 10_000)
    assert.equal(delay('a', 'unknown'), 0)
    assert.equal(delay('d'), 0)
    assert.equal(evictionDelayMs([{ key: 'x', effect: 'NoSchedule' }], []), Infinity)
  })
})
