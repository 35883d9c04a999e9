// SPDX-License-Identifier: Apache-2.0
// How a container's program begins, and what is said where it does not.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  at,
  noSandbox,
  outputOf,
  sandboxWorld,
  startOf,
  volume,
} from '../../../../../test/support/sandbox-world.ts'

test(
  'what cannot be run by its name is tried by a shell, and ends as that has it',
  { skip: noSandbox },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data')
    const script = 'echo "$0 $1 $KEY"; exit 4\n'
    await writeFile(join(dir, 'without-interpreter'), script, { mode: 0o755 })
    await writeFile(join(dir, 'of-another'), '#!/none/such\n', { mode: 0o755 })
    const run = async (uid: string, command: readonly [string, ...string[]]) => {
      const words = { uid, mounts: [at(dir, '/data')], env: { KEY: "it's" } }
      const start = startOf(world, { script: '', spec: { workingDir: '/data' }, ...words })
      return await outputOf(world, { ...start, resolved: { ...start.resolved, command } })
    }
    const ran = await run('a', ['./without-interpreter', 'a b'])
    const expected = { stdout: "./without-interpreter a b it's\n", stderr: '', exitCode: 4 }
    assert.deepEqual(ran, expected)
    const failed = await run('b', ['/data/of-another'])
    assert.deepEqual([failed.exitCode, failed.stdout], [127, ''])
    assert.match(failed.stderr, /of-another: not found/)
  },
)

test(
  'a mount whose source has gone is told with its reason, and without paths of this machine',
  { skip: noSandbox },
  async () => {
    await using world = await sandboxWorld()
    const mounts = [at(join(world.dir, 'gone'), '/data')]
    await assert.rejects(outputOf(world, startOf(world, { script: 'true', mounts })), (error) => {
      const told = /^VkError: Cannot mount volume "v" at "\/data": no such file or directory; /
      assert.match(String(error), told)
      assert.doesNotMatch(String(error), /gone|vk-process/)
      return true
    })
  },
)
