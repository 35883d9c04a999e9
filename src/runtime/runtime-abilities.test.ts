// SPDX-License-Identifier: Apache-2.0
// What a runtime may do beyond the least: keep its containers' output itself, refuse pods, tell of sandboxes
// that ended, let go of what a pod that has ended needs no more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../test/support/runtime-world.ts'
import { VkError } from '../util/vk-error.ts'
import type { LogQuery } from '../provider/log-feed.ts'
import type { PodRef } from '../provider/provider.ts'
import type { ContainerKey, ContainerRuntime } from './container-runtime.ts'

/** Gives the world's runtime more than it has. */
function give(world: RuntimeWorld, abilities: Partial<ContainerRuntime>): void {
  Object.assign(world.runtime, abilities)
}

/** The message of a container that has failed, and whose log is its last word. */
async function lastWords(world: RuntimeWorld): Promise<string | undefined> {
  const container = buildContainer({ terminationMessagePolicy: 'FallbackToLogsOnError' })
  const ref = await world.create(
    buildPod({ spec: { restartPolicy: 'Never', containers: [container] } }),
  )
  await world.untilRunning(ref)
  world.runtime.exit({ pod: ref, name: 'main', attempt: 0 }, 1)
  const ended = await world.until(ref, ({ hasEnded }) => hasEnded)
  return ended.containers[0]?.state?.terminated?.message
}

test('a runtime that stores output itself is asked for the run that is meant, and never for the previous', async () => {
  await using world = await RuntimeWorld.open()
  const asked: { key: ContainerKey; query: LogQuery }[] = []
  give(world, {
    async *logs(key, query) {
      asked.push({ key, query })
      const bytes = Buffer.from(`run ${key.attempt}\n`)
      yield { entries: [{ timeMs: 1, stream: 'stdout', bytes }], isLive: false }
    },
  })
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  world.runtime.exit({ pod: ref, name: 'main', attempt: 0 }, 1)
  await world.untilRunning(ref, 1)
  const read = async (previous: boolean): Promise<string> => {
    const query = { previous, follow: false, tailLines: 5 }
    const chunks: Uint8Array[] = []
    for await (const { entries } of world.provider.logs(ref, 'main', query, world.context)) {
      chunks.push(...entries.map(({ bytes }) => bytes))
    }
    return Buffer.concat(chunks).toString()
  }
  assert.equal(await read(false), 'run 1\n')
  assert.equal(await read(true), 'run 0\n')
  for (const { query } of asked) {
    assert.deepEqual(query, { previous: false, follow: false, tailLines: 5 })
  }
})

test("the end of such a runtime's log is the last word of a container that asks for it", async () => {
  await using world = await RuntimeWorld.open()
  give(world, {
    async *logs() {
      const bytes = Buffer.from('what went wrong\n')
      yield { entries: [{ timeMs: 1, stream: 'stderr', bytes }], isLive: false }
    },
  })
  assert.equal(await lastWords(world), 'what went wrong\n')
})

test('an end whose log cannot be read is told all the same, with what was wrong', async () => {
  await using world = await RuntimeWorld.open()
  give(world, {
    // oxlint-disable-next-line require-yield -- It never comes to it.
    async *logs() {
      throw new VkError('NotFound', 'there is no such container')
    },
  })
  assert.equal(
    await lastWords(world),
    'Error on reading termination message from logs: there is no such container',
  )
})

test('a pod that the runtime refuses is not started, and told of with the field', async () => {
  await using world = await RuntimeWorld.open()
  give(world, { problemsOf: () => [{ field: 'spec.runtimeClassName', why: 'not here' }] })
  await assert.rejects(world.create(buildPod()), /^VkError: spec\.runtimeClassName: not here$/)
  assert.equal(world.runtime.starts.length, 0)
})

test('what the runtime and the volumes refuse can be asked for before', async () => {
  await using world = await RuntimeWorld.open()
  give(world, { problemsOf: () => [{ field: 'spec.runtimeClassName', why: 'not here' }] })
  await world.restartAfterKill()
  const pod = buildPod({ spec: { volumes: [{ name: 'v', hostPath: { path: '/etc' } }] } })
  const problems = world.provider.problemsOf?.(pod) ?? []
  const fields = problems.map(({ field }) => field)
  assert.deepEqual(fields, ['spec.volumes[0].hostPath', 'spec.runtimeClassName'])
})

test('a sandbox that ended is made anew, and what ran in it is started again', async () => {
  await using world = await RuntimeWorld.open()
  let tell: ((pod: PodRef) => void) | undefined
  give(world, {
    watchSandboxes(notify) {
      tell = notify
      return { [Symbol.dispose]: () => {} }
    },
  })
  await world.restartAfterKill()
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  world.runtime.sandboxId = '2'
  assert.ok(tell)
  tell(ref)
  await world.untilRunning(ref, 1)
  assert.deepEqual(world.eventsOf('SandboxChanged'), [
    'Pod sandbox changed, it will be killed and re-created.',
  ])
})

test('the sandbox of a pod that has ended is let go, and removed with the pod', async () => {
  await using world = await RuntimeWorld.open()
  const stopped: string[] = []
  give(world, {
    stopSandbox: (pod) => {
      stopped.push(pod.uid)
      return Promise.resolve()
    },
  })
  const ref = await world.create(buildPod({ spec: { restartPolicy: 'Never' } }))
  await world.untilRunning(ref)
  assert.deepEqual(stopped, [])
  world.runtime.exit({ pod: ref, name: 'main', attempt: 0 }, 0)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  await world.settle()
  assert.deepEqual(stopped, [ref.uid])
  assert.ok(world.runtime.sandboxes.has(ref.uid))
  await world.provider.cleanUpPod?.(ref, world.context)
  assert.ok(!world.runtime.sandboxes.has(ref.uid))
})
