// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { isRoot } from '../../../../test/support/process-runtime.ts'
import { noSandbox, sandboxWorld, startOf } from '../../../../test/support/sandbox-world.ts'
import { findHostTools } from '../host-tools.ts'
import { observeProcess } from '../process-identity.ts'
import { bubblewrapCommand } from './bubblewrap.ts'
import { madeDir } from './root-node.ts'

const alone = {
  hostname: undefined,
  hasOwnProcesses: true,
  hasOwnIpc: false,
  hasOwnNetwork: false,
  hasKit: false,
  root: madeDir(),
  guard: undefined,
  capabilities: undefined,
  memory: undefined,
  filter: undefined,
  openDirs: [],
  calls: undefined,
}

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

test(
  'nothing is started in the namespaces of a stranger who has got the pid',
  { skip: noSandbox || !isRoot },
  async () => {
    const tools = { ...findHostTools(), bubblewrap: findHostTools().mkfifo }
    const { pid } = process
    const { startTime = '' } = (await observeProcess(pid)) ?? {}
    const begin = (mark: { readonly pid: number; readonly startTime: string }) => {
      const namespaces = { joins: { inside: mark, kinds: ['ipc' as const] }, processesOf: mark }
      const [file = '', ...args] = bubblewrapCommand({ ...alone, ...namespaces }, tools)
      // What would be bwrap says who it is.
      return spawnSync(file, [...args.slice(0, args.lastIndexOf('--') - 2), '--version'])
    }
    assert.match(begin({ pid, startTime }).stdout.toString(), /mkfifo/)
    for (const mark of [
      { pid, startTime: `1${startTime}` },
      { pid, startTime: '' },
    ]) {
      const { status, stdout, stderr } = begin(mark)
      assert.deepEqual([status, stdout.length], [1, 0])
      assert.match(stderr.toString(), /^cannot open '\/proc\/\d+\/ns\/': it has ended\n$/)
    }
  },
)
