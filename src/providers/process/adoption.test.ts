// SPDX-License-Identifier: Apache-2.0
// virtual-kubelet is killed with SIGKILL, and a new one finds what the old one started.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ended, eventually, pidOf, stateOf } from '../../../test/support/process-probes.ts'
import { keyOf, processWorld } from '../../../test/support/process-runtime.ts'
import { tries } from '../../../test/support/test-size.ts'
import { systemClock, type Clock } from '../../util/clock.ts'
import { createLaunch } from './exit-record.ts'
import { parseProcessConfig } from './process-config.ts'
import { observeProcess } from './process-identity.ts'
import { exploreSurroundings } from './surroundings.ts'

const starter = fileURLToPath(new URL('../../../test/support/process-starter.ts', import.meta.url))

test('adopts a running container under its pid, with a whole log and the right exit code', async () => {
  await using dir = await temporaryDir()
  const go = join(dir.path, 'go')
  const script = `i=0; while [ $i -lt 10 ]; do echo $i; i=$((i + 1)); sleep 0.01; done
    until [ -e ${go} ]; do sleep 0.02; done; echo last; exit 42`
  await chmod(dir.path, 0o755)
  await startAndDie(dir.path, [{ uid: 'a', command: ['sh', '-c', script] }])
  await using world = await processWorld({}, { dir: dir.path })
  const pid = await pidOf(world, keyOf('a'))
  assert.deepEqual(await stateOf(world.runtime, keyOf('a')).then((state) => state?.kind), 'running')
  assert.ok(await observeProcess(pid))
  const seen = Promise.withResolvers<void>()
  using _ = world.runtime.watchContainers(() => seen.resolve())
  await writeFile(go, '')
  const state = await ended(world.runtime, keyOf('a'))
  assert.ok(state.kind === 'exited' && state.exitCode === 42)
  await seen.promise
  const lines = await world.output(world.start({ uid: 'a', command: [] }))
  assert.equal(lines, '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\nlast\n')
})

test('a start of an adopted container answers with it', async () => {
  await using dir = await temporaryDir()
  await startAndDie(dir.path, [{ uid: 'a', command: ['sleep', '60'] }])
  await using world = await processWorld({}, { dir: dir.path })
  const pid = await pidOf(world, keyOf('a'))
  const start = world.start({ uid: 'a', command: ['sleep', '60'] })
  const container = await world.runtime.startContainer(start, world.context)
  assert.equal(container.state.kind, 'running')
  assert.equal(await pidOf(world, keyOf('a')), pid)
})

test('knows how a container ended that ended while nobody watched', async () => {
  await using dir = await temporaryDir()
  const starts = [
    { uid: 'seven', command: ['sh', '-c', 'sleep 0.2; exit 7'] },
    { uid: 'killed', command: ['sh', '-c', 'sleep 0.2; kill -KILL $$'] },
    { uid: 'fine', command: ['sleep', '0.2'] },
  ]
  await startAndDie(dir.path, starts)
  const beforeMs = Date.now()
  await delay(600)
  await using world = await processWorld({}, { dir: dir.path })
  const codes = await Promise.all(
    starts.map(async ({ uid }) => {
      // On a busy machine one may still run.
      const state = await ended(world.runtime, keyOf(uid))
      assert.ok(state.kind === 'exited')
      assert.ok(Math.abs(state.finishedAtMs - beforeMs) < 60_000)
      return state.exitCode
    }),
  )
  assert.deepEqual(codes, [7, 137, 0])
})

test('stops an adopted container with its grace', async () => {
  await using dir = await temporaryDir()
  const command = ['sh', '-c', 'trap "exit 5" TERM; echo ready; while :; do sleep 0.02; done']
  await startAndDie(dir.path, [{ uid: 'a', command }])
  await using world = await processWorld({}, { dir: dir.path })
  const start = world.start({ uid: 'a', command })
  await eventually(async () => (await world.output(start)) !== '')
  await world.runtime.stopContainer(start.key, { graceMs: 20_000 }, world.context)
  const state = await stateOf(world.runtime, start.key)
  assert.ok(state?.kind === 'exited' && state.exitCode === 5)
})

test('a container whose wrapper was killed runs on, and is lost when it ends', async () => {
  let pace = 1
  const setTimer: Clock['setTimer'] = (ms, fire) => systemClock.setTimer(ms / pace, fire)
  await using world = await processWorld({}, { clock: { ...systemClock, setTimer } })
  const start = world.start({ command: ['sleep', '60'] })
  await world.runtime.startContainer(start, world.context)
  const pid = await pidOf(world, start.key)
  process.kill(await pidOf(world, start.key, 'wrapper'), 'SIGKILL')
  // Wrappers are asked every ten seconds whether they live.
  pace = 50
  await delay(100)
  assert.equal((await stateOf(world.runtime, start.key))?.kind, 'running')
  process.kill(pid, 'SIGKILL')
  assert.equal((await ended(world.runtime, start.key)).kind, 'lost')
})

test('does the same with a shell’s job control where there is no setsid', async (t) => {
  const plain = exploreSurroundings(parseProcessConfig({ isolation: 'none' }), '/')
  if (plain.tools.bash === undefined) return t.skip('no bash')
  const tools = { ...plain.tools, shell: plain.tools.bash, setsid: undefined }
  await using world = await processWorld({}, { surroundings: { ...plain, tools } })
  const start = world.start({ command: ['sh', '-c', 'sleep 64 & echo $!; wait; exit 1'] })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) !== '')
  const adopted = await world.reopen()
  assert.equal((await stateOf(adopted, start.key))?.kind, 'running')
  await adopted.stopContainer(start.key, { graceMs: 20_000 }, world.context)
  const state = await ended(adopted, start.key)
  assert.ok(state.kind === 'exited' && state.exitCode === 143)
  const child = await observeProcess(Number(await world.output(start)))
  assert.ok(child === undefined || child.isZombie)
})

test('the wrapper shrugs off the signals that a terminal or a service manager sends', async () => {
  await using world = await processWorld()
  const script = 'trap "exit 9" USR1; echo ready; while :; do sleep 0.02; done'
  const start = world.start({ command: ['sh', '-c', script] })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => (await world.output(start)) === 'ready\n')
  const wrapper = await pidOf(world, start.key, 'wrapper')
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) {
    process.kill(wrapper, signal)
  }
  process.kill(await pidOf(world, start.key), 'SIGUSR1')
  const state = await ended(world.runtime, start.key)
  assert.ok(state.kind === 'exited' && state.exitCode === 9)
})

test('an exit code that cannot be written is written as soon as it can', async () => {
  await using world = await processWorld()
  const start = world.start({ command: ['sleep', '60'] })
  await world.runtime.startContainer(start, world.context)
  const [launch = ''] = await readdir(join(world.dir, 'process'))
  const obstacle = join(world.dir, 'process', launch, 'exit.tmp')
  await mkdir(obstacle)
  process.kill(await pidOf(world, start.key), 'SIGTERM')
  await delay(200)
  assert.equal((await stateOf(world.runtime, start.key))?.kind, 'running')
  await rmdir(obstacle)
  const state = await ended(world.runtime, start.key)
  assert.ok(state.kind === 'exited' && state.exitCode === 143)
})

test('sweeps a launch that never started, and starts it anew when asked', async () => {
  await using dir = await temporaryDir()
  {
    await using world = await processWorld({}, { dir: dir.path })
    await createLaunch(join(dir.path, 'process'), {
      version: 1,
      id: 'f00d',
      key: keyOf('a'),
      image: 'host',
      imageId: 'host',
      user: { uid: 0, gid: 0, supplementalGroups: [] },
      bootId: world.surroundings.bootId,
    })
  }
  await using world = await processWorld({}, { dir: dir.path })
  assert.deepEqual(await readdir(join(dir.path, 'process')), [])
  assert.deepEqual(await world.runtime.listContainers(), [])
})

test('runs once, wherever in a start virtual-kubelet is killed', async () => {
  for (const killAfterMs of [0, 4, 12, 2, 7].slice(0, tries(5, 3))) {
    await using dir = await temporaryDir()
    const ran = join(dir.path, 'ran')
    await writeFile(ran, '')
    await chmod(dir.path, 0o755)
    await chmod(ran, 0o666)
    const what = { uid: 'a', command: ['sh', '-c', `echo ran >>${ran}; exec sleep 60`] }
    await startAndDie(dir.path, [what], { killAfterMs })
    await using world = await processWorld({}, { dir: dir.path })
    await world.runtime.startContainer(world.start(what), world.context)
    await eventually(async () => (await readFile(ran, 'utf8')) !== '')
    await delay(20)
    assert.equal(await readFile(ran, 'utf8'), 'ran\n', `killed after ${killAfterMs} ms`)
    assert.equal((await world.runtime.listContainers()).length, 1)
  }
})

test('takes containers of an earlier boot for lost and signals nobody', async () => {
  await using dir = await temporaryDir()
  await startAndDie(dir.path, [{ uid: 'a', command: ['sleep', '60'] }])
  await using present = await processWorld({}, { dir: dir.path })
  const pid = await pidOf(present, keyOf('a'))
  {
    const rebooted = { ...present.surroundings, bootId: 'another-boot', cgroups: undefined }
    await using later = await processWorld({}, { dir: dir.path, surroundings: rebooted })
    assert.equal((await stateOf(later.runtime, keyOf('a')))?.kind, 'lost')
    // By which the pod learns that its sandbox is another one, and runs its init containers again.
    const [run] = await later.runtime.listContainers()
    const sandbox = await later.runtime.ensureSandbox({ spec: { containers: [] } })
    assert.deepEqual([run?.sandboxId, sandbox.id], [present.surroundings.bootId, 'another-boot'])
    await later.runtime.stopContainer(keyOf('a'), { graceMs: 0 }, later.context)
    assert.ok(await observeProcess(pid))
  }
  process.kill(pid, 'SIGKILL')
})

async function startAndDie(
  dir: string,
  starts: readonly { readonly uid: string; readonly command: readonly string[] }[],
  options: { readonly killAfterMs?: number } = {},
): Promise<void> {
  const orders = JSON.stringify({ config: {}, starts, ...options })
  const child = spawn(process.execPath, [starter, dir, orders], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.once('data', () => child.kill('SIGKILL'))
  await once(child, 'exit')
}

async function temporaryDir(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'vk-process-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
