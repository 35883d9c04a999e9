// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import type { EngineClient } from './engine/engine-client.ts'
import type { ContainerSummary } from './engine/engine-objects.ts'
import { EngineWatch } from './engine-watch.ts'
import type { Sandbox } from './sandbox/pod-sandboxes.ts'

const { signal } = new AbortController()

function sandboxOf(uid: string): Sandbox {
  const ref = { namespace: 'default', name: uid, uid }
  return { ref, id: `sandbox-${uid}`, podIPs: [], hostname: uid, pid: 1, isOnHost: false }
}

/** A watch over these sandboxes, and what it has told of. */
function watchOver(known: Map<string, Sandbox>, list: () => Promise<readonly ContainerSummary[]>) {
  const told: string[] = []
  const watch = new EngineWatch({
    client: {} as EngineClient,
    owner: { nodeName: 'node-a', clusterId: 'cluster' },
    clock: new FakeClock(),
    log: silentLogger,
    table: { list, refresh: () => assert.fail('nothing is looked at') },
    sandboxes: {
      all: () => known.values(),
      ended: ({ uid }, id) => known.get(uid)?.id === id && known.delete(uid),
    },
  })
  watch.onSandboxEnd(({ uid }) => void told.push(uid))
  return { watch, told }
}

test('a sandbox that a look does not find running has ended', async () => {
  const known = new Map([['a', sandboxOf('a')]])
  const { watch, told } = watchOver(known, () =>
    Promise.resolve([{ Id: 'sandbox-a', State: 'exited' } as ContainerSummary]),
  )
  await watch.lookAtAll(signal)
  assert.deepEqual(told, ['a'])
})

test('a sandbox that was made while everything was looked at has not ended', async () => {
  const known = new Map<string, Sandbox>()
  const { watch, told } = watchOver(known, async () => {
    // The list was made before, and arrives after.
    known.set('b', sandboxOf('b'))
    return []
  })
  await watch.lookAtAll(signal)
  assert.deepEqual(told, [])
  assert.ok(known.has('b'))
})
