// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { containerLabels } from './container/container-labels.ts'
import type { Engine } from './engine/connect-engine.ts'
import type { EngineClient } from './engine/engine-client.ts'
import type { ContainerSummary } from './engine/engine-objects.ts'
import { EngineWatch } from './engine-watch.ts'
import type { Sandbox } from './sandbox/pod-sandboxes.ts'

const { signal } = new AbortController()
const owner = { nodeName: 'node-a', clusterId: 'cluster' }

function sandboxOf(uid: string): Sandbox {
  const ref = { namespace: 'default', name: uid, uid }
  return { ref, id: `sandbox-${uid}`, podIPs: [], hostname: uid, pid: 1, isOnHost: false }
}

/** A watch over these sandboxes, and what it has told of. */
function watchOver(known: Map<string, Sandbox>, list: () => Promise<readonly ContainerSummary[]>) {
  const told: string[] = []
  const watch = new EngineWatch({
    engine: { client: {} as EngineClient, kind: 'docker' },
    owner,
    clock: new FakeClock(),
    log: silentLogger,
    table: { list, refresh: () => assert.fail('nothing is looked at') },
    sandboxes: {
      all: () => known.values(),
      ended: ({ uid }, id) => known.get(uid)?.id === id && known.delete(uid),
    },
    stops: { isStopping: () => false },
    outOfMemory: { tell: () => {}, forgetContainer: () => {} },
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

interface Case {
  readonly kind?: Engine['kind']
  readonly isStopping?: boolean
}

/** A watch that follows what is written to `events`, and all that it does about it, in order. */
function following({ kind = 'docker', isStopping = false }: Case = {}) {
  const done: string[] = []
  const events = new PassThrough()
  const clock = new FakeClock()
  const leaving = new AbortController()
  const client = { stream: () => Promise.resolve(events) } as unknown as EngineClient
  const watch = new EngineWatch({
    engine: { client, kind },
    owner,
    clock,
    log: silentLogger,
    table: {
      list: () => Promise.resolve([]),
      refresh: (id) => {
        done.push(`look at ${id}`)
        return Promise.resolve(undefined)
      },
    },
    sandboxes: { all: () => [], ended: () => false },
    stops: { isStopping: () => isStopping },
    outOfMemory: {
      tell: (id) => void done.push(`${id} lacked memory`),
      forgetContainer: (id) => void done.push(`forget ${id}`),
    },
  })
  const followed = watch.follow(leaving.signal)
  const key = { pod: { namespace: 'n', name: 'p', uid: 'u' }, name: 'main', attempt: 0 }
  const image = { name: 'i', reference: 'i' }
  const labels = containerLabels(owner, { key, image, spec: { name: 'main' } })
  const happens = async (Action: string, exitCode = '0'): Promise<void> => {
    const Actor = { ID: 'c1', Attributes: { ...labels, exitCode } }
    events.write(`${JSON.stringify({ Type: 'container', Action, Actor })}\n`)
    for (let turns = 0; turns < 5; turns += 1) await turn()
  }
  const end = async (): Promise<void> => {
    leaving.abort()
    events.destroy()
    await followed
  }
  return { done, clock, happens, [Symbol.asyncDispose]: end }
}

test('a container that Docker says was killed is looked at once it is told that it lacked memory', async () => {
  await using watch = following()
  await watch.happens('die', '137')
  assert.deepEqual(watch.done, [])
  await watch.happens('oom')
  const looks = ['look at c1', 'look at c1']
  assert.deepEqual(watch.done, ['c1 lacked memory', ...looks])
  await watch.happens('destroy')
  assert.deepEqual(watch.done.slice(3), ['forget c1', 'look at c1'])
})

test('one that was killed for another reason is looked at a moment later', async () => {
  await using watch = following()
  await watch.happens('die', '137')
  await watch.clock.advance(999)
  assert.deepEqual(watch.done, [])
  await watch.clock.advance(1)
  assert.deepEqual(watch.done, ['look at c1'])
})

test('an end that leaves no such question is looked at without delay', async () => {
  for (const [one, exitCode] of [
    [{}, '1'],
    [{ isStopping: true }, '137'],
    [{ kind: 'podman' }, '137'],
  ] as const) {
    await using watch = following(one)
    await watch.happens('die', exitCode)
    assert.deepEqual(watch.done, ['look at c1'])
  }
})
