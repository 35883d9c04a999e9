// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { madeDir } from '../root-node.ts'
import { bareSandbox } from '../sandbox.ts'
import { CallList } from './call-list.ts'
import { addSandbox } from './sandbox-calls.ts'

/** Notes what is added. */
class NotedList extends CallList {
  readonly notes: { readonly name: string; readonly args: readonly unknown[] }[] = []

  override add(...words: Parameters<CallList['add']>): ReturnType<CallList['add']> {
    const [name, args] = words
    this.notes.push({ name, args })
    return super.add(...words)
  }
}

test('the first process of a container has its filter before it loses what keeps others from taking it over', () => {
  const list = new NotedList('x64')
  const [exact, early] = [Buffer.alloc(8, 1), Buffer.alloc(8, 2)]
  addSandbox(list, {
    sandbox: {
      ...bareSandbox(madeDir()),
      filter: { program: '', starter: '', exact, early },
    },
    at: '/proc',
    user: undefined,
    lastCapability: 40,
    last: {
      file: '/bin/sh',
      argv: ['sh'],
      workingDir: '/',
      env: [],
      hasInput: false,
      filter: exact,
      shell: ['/bin/sh'],
    },
  })
  const filtersAt = list.notes.flatMap(({ name, args: [, , filter] }, index) =>
    name === 'seccomp' && (filter as { filter: Uint8Array }).filter === early ? [index] : [],
  )
  assert.equal(filtersAt.length, 1)
  // Later come this process's own, and those of the one outside.
  const after = list.notes.slice((filtersAt[0] ?? 0) + 1).map(({ name }) => name)
  assert.deepEqual(after.slice(0, 2), ['prctl', 'capset'])
})
