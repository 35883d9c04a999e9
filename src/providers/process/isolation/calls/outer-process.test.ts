// SPDX-License-Identifier: Apache-2.0
// A program waits for the processes around its sandbox to give up their rights; one that was killed before never does.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync } from 'node:fs'
import { test } from 'node:test'
import { noSandbox, sandboxWorld } from '../../../../../test/support/sandbox-world.ts'
import { openNamelessFile } from '../../nameless-file.ts'
import { madeDir, readOnlyBind } from '../root-node.ts'
import { bareSandbox } from '../sandbox.ts'
import { CallList } from './call-list.ts'
import { addSandbox } from './sandbox-calls.ts'

/** Of its processes, the outer one ends where it would give up its rights. */
class InterruptedList extends CallList {
  override add(...[name, args, options]: Parameters<CallList['add']>): ReturnType<CallList['add']> {
    if (options?.complaint === 'the outer process cannot give up its rights') {
      return super.add('exit_group', [0])
    }
    return super.add(name, args, options)
  }
}

test(
  'a program whose outer process is gone does not run, and does not wait for ever',
  { skip: noSandbox },
  async (t) => {
    await using world = await sandboxWorld()
    const { caller, tools } = world.surroundings
    if (!caller) return t.skip('this machine leaves all to bubblewrap')
    const root = madeDir()
    for (const name of ['usr', 'lib', 'lib64', 'bin', 'dev']) {
      root.children.set(name, readOnlyBind(`/${name}`))
    }
    const list = new InterruptedList(caller.architecture)
    addSandbox(list, {
      sandbox: bareSandbox(root),
      at: '/proc',
      user: undefined,
      lastCapability: caller.lastCapability,
      last: {
        file: tools.shell,
        argv: ['sh', '-c', 'echo ran'],
        workingDir: '/',
        env: [],
        hasInput: false,
        filter: undefined,
        shell: [tools.shell, '-s'],
      },
    })
    const descriptor = openNamelessFile(list.build(''))
    try {
      // Its output ends with the last of the processes.
      const { output, error } = spawnSync(caller.path, [], {
        stdio: [descriptor, 'ignore', 'pipe', 'pipe', 'ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
        timeout: 60_000,
      })
      assert.equal(error, undefined)
      assert.deepEqual(output.slice(2), [
        'what makes the sandbox has ended: error 011\n',
        '',
        null,
        '',
        '',
      ])
    } finally {
      closeSync(descriptor)
    }
  },
)
