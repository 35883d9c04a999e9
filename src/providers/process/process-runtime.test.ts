// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended, eventually, pidOf } from '../../../test/support/process-probes.ts'
import { containerUid, processWorld } from '../../../test/support/process-runtime.ts'
import type { ContainerState, RuntimeContainer } from '../../runtime/container-runtime.ts'
import { VkError } from '../../util/vk-error.ts'
import type { Cgroups } from './cgroup.ts'
import { observeProcess } from './process-identity.ts'

test('runs a command and reports output, exit code, times and user', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['sh', '-c', 'echo out; echo err >&2; exit 3'] })
  const started = await world.runtime.startContainer(start, world.context)
  assert.match(started.containerId, /^process:\/\/[0-9a-f]{40}$/)
  assert.equal(started.user?.uid, containerUid)
  const state = await ended(world.runtime, start.key)
  assert.equal(state.kind, 'exited')
  assert.ok(state.kind === 'exited' && state.exitCode === 3 && state.signal === undefined)
  assert.ok(state.finishedAtMs >= state.startedAtMs)
  assert.equal(await world.output(start), 'out\n')
  assert.equal(await world.output(start, 'stderr'), 'err\n')
})

test('appends to what an earlier attempt in the same directory has written', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['echo', 'one'] })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  await world.runtime.removeContainer(start.key)
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  assert.equal(await world.output(start), 'one\none\n')
})

test('answers a repeated start with the container that runs already', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['sleep', '60'] })
  const all = await Promise.all([
    world.runtime.startContainer(start, world.context),
    world.runtime.startContainer(start, world.context),
  ])
  all.push(await world.runtime.startContainer(start, world.context))
  assert.equal(new Set(all.map(({ containerId }) => containerId)).size, 1)
  assert.equal((await world.runtime.listContainers()).length, 1)
})

test('tells a watcher once of each container that ended', async () => {
  await using world = await processWorld()
  const seen: RuntimeContainer[] = []
  using _ = world.runtime.watchContainers((container) => seen.push(container))
  const start = world.start({ command: ['true'] })
  await world.runtime.startContainer(start, world.context)
  await eventually(() => seen.length > 0)
  assert.equal(seen[0]?.state.kind, 'exited')
  await world.runtime.removeContainer(start.key)
  assert.equal(seen.length, 1)
})

test('ends with TERM a container that listens to it', async () => {
  await using world = await processWorld()
  const start = world.start({
    command: ['sh', '-c', 'trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.05; done'],
  })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) === 'ready\n')
  await world.runtime.stopContainer(start.key, { graceMs: 20_000 }, world.context)
  assert.deepEqual(await exitOf(world.runtime, start.key), { exitCode: 7, signal: undefined })
  assert.equal(await world.output(start), 'ready\nbye\n')
})

test('reports death by the stop signal as 128 and its number', async () => {
  await using world = await processWorld()
  for (const [index, [signal, number]] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
    ['SIGQUIT', 3],
    ['SIGRTMIN+3', 37],
  ].entries()) {
    const start = world.start({ uid: `pod-${index}`, command: ['sleep', '60'] })
    await world.runtime.startContainer(start, world.context)
    await world.runtime.stopContainer(
      start.key,
      { graceMs: 20_000, signal: String(signal) },
      world.context,
    )
    assert.deepEqual(await exitOf(world.runtime, start.key), {
      exitCode: 128 + Number(number),
      signal: number,
    })
  }
})

test('kills a container that ignores TERM once the grace is over, and its children with it', async () => {
  await using world = await processWorld()
  const start = world.start({
    command: ['sh', '-c', 'trap "" TERM; sleep 61 & echo $!; wait; sleep 60'],
  })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) !== '')
  const child = Number(await world.output(start))
  const beganMs = performance.now()
  await world.runtime.stopContainer(start.key, { graceMs: 200 }, world.context)
  assert.ok(performance.now() - beganMs >= 190)
  assert.deepEqual(await exitOf(world.runtime, start.key), { exitCode: 137, signal: 9 })
  assert.equal(await isRunning(child), false)
})

test('a later stop shortens the grace of an earlier one and never lengthens it', async () => {
  await using world = await processWorld()
  const start = world.start({
    command: ['sh', '-c', 'trap "" TERM; echo ready; sleep 4000; sleep 4000'],
  })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) !== '')
  // Without the second stop this would wait for an hour.
  const first = world.runtime.stopContainer(start.key, { graceMs: 3_600_000 }, world.context)
  await world.runtime.stopContainer(start.key, { graceMs: 0 }, world.context)
  await first
  assert.deepEqual(await exitOf(world.runtime, start.key), { exitCode: 137, signal: 9 })
})

test('leaves no grandchild behind when the program ends by itself', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['sh', '-c', 'sleep 62 & echo $!'] })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  const child = Number(await world.output(start))
  await eventually(async () => !(await isRunning(child)))
})

test('finds and kills a process that left for a session of its own', async (t) => {
  await using world = await processWorld()
  if (world.surroundings.cgroups === undefined) return t.skip('no writable control groups')
  if (!existsSync('/usr/bin/setsid')) return t.skip('no setsid')
  const start = world.start({
    command: ['sh', '-c', 'setsid sh -c "echo \\$\\$; exec sleep 63" & wait'],
  })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) !== '')
  const child = Number(await world.output(start))
  await world.runtime.stopContainer(start.key, { graceMs: 1 }, world.context)
  // Out of its group a process is a moment before it has ended.
  await eventually(async () => !(await isRunning(child)))
})

test('refuses a program that is not there before anything runs', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['no-such-program-anywhere'] })
  await assert.rejects(world.runtime.startContainer(start, world.context), (error) => {
    assert.ok(error instanceof VkError)
    assert.equal(error.podReason, 'RunContainerError')
    assert.match(error.message, /"no-such-program-anywhere": executable file not found in \$PATH/)
    return true
  })
  assert.deepEqual(await world.runtime.listContainers(), [])
})

test('rejects a start whose stage fails, and leaves no trace of it', async () => {
  await using plain = await processWorld({ cgroupRoot: false })
  const cgroups: Cgroups = {
    can: { limitCpu: false, limitMemory: false },
    prepare: () => {},
    create: () => ['/nowhere/tasks'],
    joinFiles: () => [],
    killFile: () => undefined,
    members: () => [],
    oomKills: () => 0,
    usage: () => undefined,
    update: () => false,
    remove: () => true,
    list: () => [],
    release: () => {},
  }
  const surroundings = { ...plain.surroundings, cgroups }
  await using world = await processWorld({}, { dir: plain.dir, surroundings })
  const start = world.start({ command: ['touch', join(world.dir, 'ran')] })
  await assert.rejects(world.runtime.startContainer(start, world.context), {
    podReason: 'RunContainerError',
    // In the words of bash, or of dash.
    message: /^Cannot start process: (?!.*\/nowhere).*(No such file|nonexistent)/,
  })
  assert.deepEqual(await world.runtime.listContainers(), [])
  assert.deepEqual(await readdir(join(world.dir, 'process')), [])
  assert.equal(existsSync(join(world.dir, 'ran')), false)
})

test('names no path of its own when the disk refuses', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['true'] })
  await mkdir(join(start.attemptDir, 'stdout.log'), { recursive: true })
  await assert.rejects(world.runtime.startContainer(start, world.context), {
    podReason: 'CreateContainerError',
    message: 'Cannot start container "main": EISDIR',
  })
})

test('starts 100 containers at once', async () => {
  await using world = await processWorld()
  const starts = Array.from({ length: 100 }, (_, index) =>
    world.start({ uid: `pod-${index}`, command: ['sh', '-c', `echo ${index}; exit ${index}`] }),
  )
  await Promise.all(starts.map((start) => world.runtime.startContainer(start, world.context)))
  for (const [index, start] of starts.entries()) {
    const state = await ended(world.runtime, start.key)
    assert.ok(state.kind === 'exited' && state.exitCode === index)
    assert.equal(await world.output(start), `${index}\n`)
  }
})

test('removing the sandbox ends what runs in it', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['sleep', '60'] })
  await world.runtime.startContainer(start, world.context)
  const pid = await pidOf(world, start.key)
  await world.runtime.removeSandbox(start.key.pod)
  assert.equal(await isRunning(pid), false)
  assert.deepEqual(await world.runtime.listContainers(), [])
  await world.runtime.removeSandbox(start.key.pod)
})

async function exitOf(
  runtime: Parameters<typeof ended>[0],
  key: Parameters<typeof ended>[1],
): Promise<{ exitCode: number | undefined; signal: number | undefined }> {
  const state: ContainerState = await ended(runtime, key)
  return state.kind === 'exited'
    ? { exitCode: state.exitCode, signal: state.signal }
    : { exitCode: undefined, signal: undefined }
}

async function isRunning(pid: number): Promise<boolean> {
  const observed = await observeProcess(pid)
  return observed !== undefined && !observed.isZombie
}
