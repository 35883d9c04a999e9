// SPDX-License-Identifier: Apache-2.0
// What containers of a pod share, and how long what they share lives.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, pidOf, stateOf } from '../../../../test/support/process-probes.ts'
import { isRoot, processWorld } from '../../../../test/support/process-runtime.ts'
import type { ContainerStart } from '../../../runtime/container-runtime.ts'
import {
  at,
  noSandbox,
  outputOf,
  sandboxWorld,
  startOf,
} from '../../../../test/support/sandbox-world.ts'
import { tries } from '../../../../test/support/test-size.ts'

const skip = noSandbox

test(
  'a container in a sandbox survives us, and a killed one of ours takes nothing along',
  { skip },
  async () => {
    await using world = await sandboxWorld()
    const start = startOf(world, { script: 'sleep 0.5; exit 5' })
    await world.runtime.startContainer(start, world.context)
    const other = await world.reopen()
    await eventually(async () => (await stateOf(other, start.key))?.kind === 'exited')
    const state = await stateOf(other, start.key)
    assert.ok(state?.kind === 'exited' && state.exitCode === 5)
  },
)

test('it runs once, wherever in its start virtual-kubelet is killed', { skip }, async () => {
  const starter = new URL('../../../../test/support/process-starter.ts', import.meta.url).pathname
  const what = { uid: 'a', command: ['sh', '-c', 'echo ran; exec sleep 60'] }
  for (const killAfterMs of [0, 10, 25, 5, 15].slice(0, tries(5, 3))) {
    const dir = await mkdtemp(join(tmpdir(), 'vk-process-'))
    const config = { isolation: 'bubblewrap' }
    const orders = JSON.stringify({ config, starts: [what], killAfterMs })
    const life = spawn(process.execPath, [starter, dir, orders], { stdio: 'ignore' })
    await once(life, 'exit')
    {
      await using world = await processWorld(config, { dir })
      const start = world.start(what)
      await world.runtime.startContainer(start, world.context)
      await eventually(async () => (await world.output(start)) !== '')
      assert.equal(await world.output(start), 'ran\n', `killed after ${killAfterMs} ms`)
      assert.equal((await stateOf(world.runtime, start.key))?.kind, 'running')
      await world.runtime.removeSandbox(start.key.pod)
    }
    await rm(dir, { recursive: true, force: true })
  }
})

test(
  'containers of a pod share IPC and nothing else; those of others share nothing',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    const script =
      'readlink /proc/self/ns/ipc /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/uts /proc/self/ns/net; exec sleep 60'
    const starts = [
      startOf(world, { script, uid: 'pod-a', name: 'one' }),
      startOf(world, { script, uid: 'pod-a', name: 'two' }),
      startOf(world, { script, uid: 'pod-b', name: 'one' }),
    ]
    const found: string[][] = []
    for (const start of starts) {
      await world.runtime.startContainer(start, world.context)
      await eventually(async () => (await world.output(start)).split('\n').length === 6)
      found.push((await world.output(start)).split('\n'))
    }
    const [one = [], two = [], stranger = []] = found
    assert.equal(one[0], two[0])
    assert.notEqual(one[0], stranger[0])
    for (const kind of [1, 2, 3]) assert.equal(new Set(found.map((all) => all[kind])).size, 3)
    assert.equal(new Set(found.map((all) => all[4])).size, 1)
  },
)

test(
  'a network of their own is shared by the containers of a pod, with loopback alone',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld({ network: 'none' })
    const script =
      'readlink /proc/self/ns/net; tail -n +3 /proc/net/dev | cut -d: -f1; exec sleep 60'
    const starts = ['one', 'two'].map((name) => startOf(world, { script, name }))
    const outputs: string[] = []
    for (const start of starts) {
      await world.runtime.startContainer(start, world.context)
      await eventually(async () => (await world.output(start)).split('\n').length === 3)
      outputs.push(await world.output(start))
    }
    assert.equal(outputs[0], outputs[1])
    assert.match(outputs[0] ?? '', /\n *lo\n$/)
  },
)

test(
  'a container that looks into another sees its processes and files',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    const target = startOf(world, { script: 'exec sleep 62', name: 'app' })
    await world.runtime.startContainer(target, world.context)
    const spec = { targetContainerName: 'app' } as object
    // Its shell becomes what it sleeps by.
    const script =
      'until tr "\\0" " " </proc/2/cmdline | grep "^sleep"; do sleep 0.01; done; grep -l "sleep" /proc/[0-9]*/cmdline | wc -l'
    const start = startOf(world, { script, name: 'debug', spec })
    const { stdout } = await outputOf(world, start)
    assert.match(stdout, /^sleep 62 \n/)
    assert.equal((await stateOf(world.runtime, target.key))?.kind, 'running')
    const lost = startOf(world, {
      script,
      name: 'lost',
      spec: { targetContainerName: 'none' } as object,
    })
    await assert.rejects(world.runtime.startContainer(lost, world.context), /"none" does not run/)
  },
)

test(
  'a pod’s containers share their processes where it says so, and what they leave is buried',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    const pod = { shareProcessNamespace: true }
    const one = startOf(world, { script: 'exec sleep 63', name: 'one', pod })
    await world.runtime.startContainer(one, world.context)
    const script = `(sleep 0.01 & echo $! >/tmp/left); read -r pid </tmp/left
      while [ -d /proc/$pid ]; do sleep 0.02; done; cat /proc/*/cmdline | tr '\\0' ' '`
    const two = startOf(world, { script, name: 'two', pod })
    const { stdout } = await outputOf(world, two)
    assert.match(stdout, /sleep 63/)
    const pid = await pidOf(world, one.key)
    await world.runtime.stopContainer(one.key, { graceMs: 20_000 }, world.context)
    assert.equal((await stateOf(world.runtime, one.key))?.kind, 'exited')
    // Nobody is left to hold the namespace for; the next container has another one.
    await eventually(() => readdirSync(join(world.dir, 'process-pods')).length === 0)
    const three = startOf(world, { script: 'cat /proc/1/cmdline', name: 'three', pod })
    assert.match((await outputOf(world, three)).stdout, /bwrap/)
    await world.runtime.removeSandbox(one.key.pod)
    assert.equal((await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).length, 0)
    // The spawner alone is left; a wrapper, which is a fork of it, would be a second.
    await eventually(() => commandLinesWith(world.dir).length <= 1)
    assert.match(commandLinesWith(world.dir).join(), /virtual-kubelet-spawner|^$/)
  },
)

test(
  'a stubborn program among processes that are not its own is killed all the same',
  { skip },
  async () => {
    await using world = await sandboxWorld({ cgroupRoot: false })
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
    const pods = isRoot ? [{ shareProcessNamespace: true }, { hostPID: true }] : [{ hostPID: true }]
    for (const [index, pod] of pods.entries()) {
      const start = startOf(world, { script, pod, uid: `stubborn-${index}` })
      await world.runtime.startContainer(start, world.context)
      await eventually(async () => (await world.output(start)) === 'ready\n')
      const pid = await pidOf(world, start.key)
      await world.runtime.stopContainer(start.key, { graceMs: 50 }, world.context)
      await eventually(
        async () =>
          !/^State:\t[^ZX]/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')),
      )
      const state = await stateOf(world.runtime, start.key)
      assert.ok(state?.kind === 'exited' && state.exitCode === 137, JSON.stringify(state))
      await world.runtime.removeSandbox(start.key.pod)
    }
  },
)

test(
  'what a program among processes that are not its own leaves when it is told to end is killed',
  { skip },
  async () => {
    await using world = await sandboxWorld({ cgroupRoot: false })
    const mark = `6${process.pid}`
    const script = `(trap "" TERM; sleep ${mark}) & trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done`
    const start = startOf(world, { script, pod: { hostPID: true } })
    await world.runtime.startContainer(start, world.context)
    await eventually(async () => (await world.output(start)) === 'ready\n')
    await eventually(() => commandLinesWith(`sleep\0${mark}`).length > 0)
    await world.runtime.stopContainer(start.key, { graceMs: 20_000 }, world.context)
    const state = await stateOf(world.runtime, start.key)
    assert.ok(state?.kind === 'exited' && state.exitCode === 3, JSON.stringify(state))
    await eventually(() => commandLinesWith(`sleep\0${mark}`).length === 0)
  },
)

test(
  'memory is shared by a pod’s containers, of its size, and gone with the pod',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    const wish = { pod: startOf(world, { script: '' }).pod, volume: 'm', sizeBytes: 1024 * 1024 }
    const made = await world.runtime.volumes.prepareMemory?.(wish, world.context)
    assert.ok(made?.isNew)
    const other = await (await world.reopen()).volumes.prepareMemory?.(wish, world.context)
    assert.deepEqual(other, { hostPath: made.hostPath, isNew: false })
    const mounts = [at(made.hostPath, '/m')]
    const script = 'echo one >/m/file; head -c 2000000 /dev/zero >/m/large || echo full'
    const one = startOf(world, { script, mounts, name: 'one' })
    assert.match((await outputOf(world, one)).stdout, /full/)
    const two = startOf(world, { script: 'cat /m/file', mounts, name: 'two' })
    assert.equal((await outputOf(world, two)).stdout, 'one\n')
    await world.runtime.removeSandbox(one.key.pod)
    assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(world.dir))
  },
)

test(
  'shared memory is the pod’s alone, is seen by each of its containers as long as one runs, and is no mount of the host',
  { skip: skip || !isRoot },
  async () => {
    await using world = await sandboxWorld()
    const pod = { containers: ['one', 'two'].map((name) => ({ name })) }
    const start = (name: string, script: string, uid = 'pod-a', attempt = 0): ContainerStart =>
      startOf(world, { script, uid, name, attempt, pod })
    const one = start('one', 'echo one >/dev/shm/mine; df -k /dev/shm | tail -n 1; exec sleep 60')
    await world.runtime.startContainer(one, world.context)
    await eventually(async () => / 65536 /.test(await world.output(one)))
    const two = start('two', 'cat /dev/shm/mine; echo two >/dev/shm/mine; exec sleep 60')
    await world.runtime.startContainer(two, world.context)
    await eventually(async () => (await world.output(two)) === 'one\n')
    assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(world.dir))
    const stranger = start('one', 'ls /dev/shm', 'pod-b')
    assert.equal((await outputOf(world, stranger)).stdout, '')
    await world.runtime.stopContainer(one.key, { graceMs: 0 }, world.context)
    const again = await world.reopen()
    const next = start('one', 'cat /dev/shm/mine', 'pod-a', 1)
    await again.startContainer(next, world.context)
    await eventually(async () => (await world.output(next)) === 'two\n')
  },
)

function commandLinesWith(word: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readCommandLine)
    .filter((line) => line.includes(word))
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
