// SPDX-License-Identifier: Apache-2.0
// That a mount which fails is told by its volume and place, whoever makes the sandbox, and with no path of the host.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processWorld } from '../../../../test/support/process-runtime.ts'
import {
  at,
  noSandbox,
  sandboxWorld,
  startOf,
  volume,
} from '../../../../test/support/sandbox-world.ts'
import { mountFailure } from './mount-failure.ts'
import { madeDir, memoryDir, readOnlyBind } from './root-node.ts'
import type { DirNode } from './root-node.ts'

function rootWith(...mounts: readonly { readonly name: string; readonly at: string }[]): DirNode {
  const root = madeDir()
  for (const { name, at: place } of mounts) {
    const mount = { name, mountPath: `/${place}` }
    const node =
      name === 'memory'
        ? { ...memoryDir(0o777), mount }
        : { ...readOnlyBind(`/host/${name}`), mount }
    root.children.set(place, node)
  }
  root.children.set('usr', readOnlyBind('/usr'))
  return root
}

const root = rootWith(
  { name: 'data', at: 'data' },
  { name: 'data-2', at: 'data-2' },
  { name: 'memory', at: 'm' },
  { name: '', at: 'hosts' },
)
const tell = (said: string, base?: string): string | undefined =>
  mountFailure(said, { root, calls: base === undefined ? undefined : ({ at: base } as never) })

test('a failed mount is found by its place or its source, and nothing else is taken for one', () => {
  const called = (what: string) => `cannot mount "/host/x" at "/proc/${what}": permission denied`
  assert.match(
    tell(called('data'), '/proc') ?? '',
    /^Cannot mount volume "data" at "\/data": permission denied; /,
  )
  assert.match(
    tell(called('data-2'), '/proc') ?? '',
    /^Cannot mount volume "data-2" at "\/data-2": /,
  )
  assert.match(
    tell(called('hosts'), '/proc') ?? '',
    /^Cannot mount at "\/hosts": permission denied; /,
  )
  assert.equal(tell(called('usr'), '/proc'), undefined)
  assert.equal(tell(called('other/data'), '/proc'), undefined)
  const source = "bwrap: Can't find source path /host/data: Stale file handle\n"
  assert.equal(
    tell(source),
    'Cannot mount volume "data" at "/data": stale file handle; its file system does not answer: mount it anew on the node',
  )
  const bound =
    "bwrap: Can't bind mount /oldroot/host/data-2 on /newroot/data-2: Invalid argument\n"
  assert.equal(tell(bound), 'Cannot mount volume "data-2" at "/data-2": invalid argument')
  assert.match(
    tell("bwrap: Can't mount tmpfs on /newroot/m: Cannot allocate memory") ?? '',
    /fs\.mount-max/,
  )
  for (const other of [
    '',
    'bwrap: Creating new namespace failed: No space left on device\n',
    'no reason',
  ]) {
    assert.equal(tell(other), undefined)
  }
})

for (const way of ['calls', 'bubblewrap']) {
  test(
    `a start tells which mount has failed, and what to do: ${way}`,
    { skip: noSandbox },
    async (t) => {
      await using plain = await sandboxWorld()
      if (way === 'calls' && !plain.surroundings.caller) return t.skip('not on this machine')
      const caller = way === 'calls' ? plain.surroundings.caller : undefined
      await using world = await processWorld(
        { isolation: 'bubblewrap' },
        { surroundings: { ...plain.surroundings, caller } },
      )
      const dir = await volume(world, 'data', { key: 'value' })
      const long = `/etc/${'n'.repeat(300)}`
      const gone = 'it is not on the node any more: make it anew, or the pod'
      const cases = [
        [at(`${dir}/gone`, '/data'), `"/data": no such file or directory; ${gone}`],
        [at(dir, long), `"${long.slice(0, 200)}…": name too long; choose a shorter mountPath`],
        [
          at('', `/m/${'n'.repeat(300)}/x`, { kind: 'tmpfs' }),
          `"/m/${'n'.repeat(197)}…": name too long; choose a shorter mountPath`,
        ],
      ] as const
      for (const [index, [mount, why]] of cases.entries()) {
        const start = startOf(world, { script: 'true', uid: `pod-${index}`, mounts: [mount] })
        await assert.rejects(world.runtime.startContainer(start, world.context), (error: Error) => {
          const message = error.message.replace('file name too long', 'name too long')
          assert.equal(message, `Cannot mount volume "v" at ${why}`)
          return true
        })
      }
    },
  )
}
