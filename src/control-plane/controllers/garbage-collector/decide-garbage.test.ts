// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { StoredObject } from '../../objects/kube-object.ts'
import { decideGarbage } from './decide-garbage.ts'
import type { OwnerState } from './decide-garbage.ts'

function object(parts: Partial<StoredObject['metadata']> = {}): StoredObject {
  const metadata = { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '', ...parts }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata }
}

const reference = (uid: string, blockOwnerDeletion = true) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: uid,
  uid,
  blockOwnerDeletion,
})

describe('decideGarbage', () => {
  it('deletes only what has owners of which none lives, and nothing twice', () => {
    const state = fc.constantFrom<OwnerState>('solid', 'absent', 'waiting', 'unknowable')
    fc.assert(
      fc.property(fc.array(state, { maxLength: 4 }), fc.boolean(), (states, isDeleting) => {
        const owners = states.map((one, index) => ({
          reference: reference(`o${index}`),
          state: one,
        }))
        const deletionTimestamp = isDeleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}
        const step = decideGarbage({ object: object(deletionTimestamp), owners, dependents: [] })
        const isGarbage =
          !isDeleting &&
          states.length > 0 &&
          states.every((one) => one === 'absent' || one === 'waiting')
        assert.equal(step.do === 'delete', isGarbage)
      }),
    )
  })

  it('breaks the circle of two objects that wait for each other', () => {
    const deleting = {
      deletionTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['foregroundDeletion'],
    }
    const step = decideGarbage({
      object: object(),
      owners: [{ reference: reference('owner'), state: 'waiting' }],
      dependents: [object({ uid: 'd', ...deleting })],
    })
    assert.deepEqual(step, { do: 'delete', policy: 'Foreground', unblocks: true })
  })

  it('honours a finalizer that says how the object wants to go', () => {
    const owners = [{ reference: reference('owner'), state: 'absent' as const }]
    const policyOf = (finalizers: readonly string[]) =>
      decideGarbage({ object: object({ finalizers }), owners, dependents: [] })
    assert.deepEqual(policyOf(['orphan']), { do: 'delete', policy: 'Orphan', unblocks: false })
    assert.deepEqual(policyOf([]), { do: 'delete', policy: 'Background', unblocks: false })
  })
})
