// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRoot } from '../../../../test/support/process-runtime.ts'
import { noSandbox, sandboxWorld, startOf } from '../../../../test/support/sandbox-world.ts'

test(
  'a container starts although the one whose namespaces it was to join ends at that moment',
  { skip: noSandbox || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    for (let attempt = 0; attempt < 6; attempt++) {
      const start = (name: string) =>
        world.runtime.startContainer(
          startOf(world, { script: 'true', uid: 'pair', name, attempt }),
          world.context,
        )
      await start('first')
      const { state } = await start('second')
      assert.notEqual(state.kind, 'lost')
    }
  },
)
