// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { madeDir, readOnlyBind } from '../root-node.ts'
import type { MadeNode } from '../root-node.ts'
import { placeFor } from './caller.ts'

const skip = process.platform === 'linux' ? false : 'roots are made on Linux only'

function rootWith(...sources: readonly string[]): MadeNode {
  const root = madeDir()
  for (const [index, source] of sources.entries()) {
    root.children.set(`bind-${index}`, readOnlyBind(source))
  }
  return root
}

test('a root is made where it shows nothing of the host', { skip }, () => {
  assert.equal(placeFor(rootWith('/usr', '/etc/passwd')), '/proc')
  assert.notEqual(placeFor(rootWith('/usr', '/proc/sys')), '/proc')
  assert.notEqual(placeFor(rootWith('/usr'), '/proc/memory'), '/proc')
})

test(
  'a root that shows the whole host is made nowhere on it: it would show itself, half made and not sealed yet',
  {
    skip,
  },
  () => {
    assert.equal(placeFor(rootWith('/usr', '/')), undefined)
  },
)
