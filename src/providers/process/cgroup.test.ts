// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended, eventually, stateOf } from '../../../test/support/process-probes.ts'
import { processWorld } from '../../../test/support/process-runtime.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { CgroupsV2 } from './cgroup-v2.ts'
import { cpuQuota, cpuShares } from './cpu-quota.ts'
import { parseCgroupMounts } from './detect-cgroups.ts'
import { groupNames, keyedValue, readOr } from './group-files.ts'
import { leaveGroup } from './leave-group.ts'

/** Fills at once more memory than any limit here. */
const greedy = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100M', 'count=1']

test('reads the mounts of both versions', () => {
  const text = [
    '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
    '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct',
    '41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw',
    '',
  ].join('\n')
  assert.deepEqual(parseCgroupMounts(text), [
    { path: '/sys/fs/cgroup/cpu,cpuacct', version: 1, controllers: ['rw', 'cpu', 'cpuacct'] },
    { path: '/sys/fs/cgroup/uni fied', version: 2, controllers: [] },
  ])
})

test('turns millicores into the kernel’s figures', () => {
  assert.deepEqual([1, 500, 2000].map(cpuQuota), [1000, 50_000, 200_000])
  assert.deepEqual([0, 1, 500, 1000, 1_000_000].map(cpuShares), [2, 2, 512, 1024, 262_144])
  assert.equal(keyedValue('low 0\noom 2\noom_kill 3\n', 'oom_kill'), 3)
  assert.equal(keyedValue('oom_kill x', 'oom_kill'), undefined)
})

test('writes the limits of version 2 and hands controllers down', async () => {
  const mount = await mkdtemp(join(tmpdir(), 'vk-cgroup-'))
  await using _ = { [Symbol.asyncDispose]: () => rm(mount, { recursive: true, force: true }) }
  const dir = join(mount, 'vk', 'node', 'c1')
  await mkdir(dir, { recursive: true })
  for (const at of ['', 'vk', 'vk/node']) {
    await writeFile(join(mount, at, 'cgroup.subtree_control'), 'cpu memory\n')
  }
  const files = ['cpu.weight', 'cpu.max', 'memory.max', 'memory.swap.max', 'memory.oom.group']
  for (const file of [...files, 'pids.max']) await writeFile(join(dir, file), 'max\n')
  const cgroups = new CgroupsV2(mount, '/vk/node')
  assert.deepEqual(cgroups.can, { limitCpu: true, limitMemory: true })
  cgroups.prepare()
  for (const at of ['', 'vk', 'vk/node']) {
    const handed = await readFile(join(mount, at, 'cgroup.subtree_control'), 'utf8')
    assert.equal(handed, '+pids')
  }
  const joined = cgroups.create('c1', {
    cpuLimitMilli: 250,
    cpuRequestMilli: 100,
    memoryLimitBytes: 1 << 20,
    maxProcesses: 64,
  })
  assert.deepEqual(joined, [join(dir, 'cgroup.procs')])
  const written = [...files, 'pids.max'].map((file) => readFileSync(join(dir, file), 'utf8'))
  assert.deepEqual(written, ['4', '25000 100000', '1048576', '0', '1', '64'])
  const fewer = { cpuLimitMilli: 500, cpuRequestMilli: 500, memoryLimitBytes: undefined }
  assert.equal(cgroups.update('c1', { ...fewer, maxProcesses: 64 }), true)
  const rewritten = files.slice(0, 3).map((file) => readFileSync(join(dir, file), 'utf8'))
  assert.deepEqual(rewritten, ['20', '50000 100000', 'max'])
  assert.equal(cgroups.update('none', { ...fewer, maxProcesses: 64 }), false)
  await writeFile(join(dir, 'memory.events'), 'low 0\noom_kill 2\n')
  assert.equal(cgroups.oomKills('c1'), 2)
  await writeFile(join(dir, 'cgroup.procs'), '12\n13\n')
  assert.deepEqual(cgroups.members('c1'), [12, 13])
  assert.deepEqual(cgroups.list(), ['c1'])
})

test('ends a container that wants more memory than its limit, and says so', async (t) => {
  await using world = await processWorld()
  if (!world.surroundings.cgroups?.can.limitMemory) return t.skip('no writable memory controller')
  const start = world.start({
    command: greedy,
    spec: { resources: { limits: { memory: '16Mi' } } },
  })
  await world.runtime.startContainer(start, world.context)
  const state = await ended(world.runtime, start.key)
  assert.ok(state.kind === 'exited')
  assert.notEqual(state.exitCode, 0)
  assert.equal(state.isOutOfMemory, true)
})

test('changes the limits of a container that runs, up and down', async (t) => {
  await using world = await processWorld()
  const { cgroups } = world.surroundings
  if (!cgroups?.can.limitMemory) return t.skip('no writable memory controller')
  const limits = (memory: string) => ({ resources: { limits: { memory, cpu: '100m' } } })
  const start = world.start({ command: ['sleep', '60'], spec: limits('64Mi') })
  await world.runtime.startContainer(start, world.context)
  const resize = async (memory: string): Promise<void> =>
    await world.runtime.updateResources(start.key, { spec: { ...start.spec, ...limits(memory) } })
  await resize('128Mi')
  await resize('32Mi')
  await assert.rejects(world.runtime.updateResources({ ...start.key, attempt: 7 }, start), {
    message: 'container not found ("main")',
  })
  await world.runtime.stopContainer(start.key, { graceMs: 0 }, world.context)
})

test('containers of a pod with limits of its own share them, and its group goes with the sandbox', async (t) => {
  await using world = await processWorld()
  const { cgroups } = world.surroundings
  if (!cgroups?.can.limitMemory) return t.skip('no writable memory controller')
  const resources = { limits: { memory: '16Mi', cpu: '1' } }
  const start = world.start({
    command: greedy,
  })
  const pod = { ...start.pod, spec: { ...start.pod.spec, resources } }
  await world.runtime.startContainer({ ...start, pod }, world.context)
  const [group] = cgroups.list()
  assert.match(group ?? '', /^pod-/)
  const state = await ended(world.runtime, start.key)
  assert.ok(state.kind === 'exited')
  assert.equal(state.isOutOfMemory, true)
  await world.runtime.removeContainer(start.key)
  await world.runtime.removeSandbox(start.key.pod)
  assert.deepEqual(cgroups.list(), [])
})

test('does not call a plain kill a lack of memory', async (t) => {
  await using world = await processWorld()
  if (!world.surroundings.cgroups?.can.limitMemory) return t.skip('no writable memory controller')
  const start = world.start({
    command: ['sh', '-c', 'kill -KILL $$'],
    spec: { resources: { limits: { memory: '64Mi' } } },
  })
  await world.runtime.startContainer(start, world.context)
  const state = await ended(world.runtime, start.key)
  assert.ok(state.kind === 'exited' && state.exitCode === 137)
  assert.equal(state.isOutOfMemory, undefined)
})

test('gives a busy container no more than its share of a processor, and counts it', async (t) => {
  await using world = await processWorld()
  if (!world.surroundings.cgroups?.can.limitCpu) return t.skip('no writable cpu controller')
  const start = world.start({
    command: ['sh', '-c', 'while :; do :; done'],
    spec: { resources: { limits: { cpu: '100m' } } },
  })
  const beganMs = performance.now()
  await world.runtime.startContainer(start, world.context)
  const usedMs = async (): Promise<number> => {
    const [one] = await world.runtime.containerStats([start.key])
    return (one?.stats.cpu?.usageCoreNanoSeconds ?? 0) / 1e6
  }
  await eventually(async () => performance.now() - beganMs > 600 && (await usedMs()) > 20)
  const share = (await usedMs()) / (performance.now() - beganMs)
  assert.ok(share < 0.3, `it used ${share} of a processor`)
})

test('leaves no control group behind', async (t) => {
  await using world = await processWorld()
  const { cgroups } = world.surroundings
  if (cgroups === undefined) return t.skip('no writable control groups')
  const start = world.start({ command: ['sleep', '1000'] })
  await world.runtime.startContainer(start, world.context)
  assert.equal(cgroups.list().length, 1)
  await world.runtime.stopContainer(start.key, { graceMs: 20_000 }, world.context)
  await ended(world.runtime, start.key)
  await eventually(() => cgroups.list().length === 0)
  await world.runtime.removeContainer(start.key)
  assert.equal(await stateOf(world.runtime, start.key), undefined)
})

test('a lack of memory is known to later lives, although the group that counted it is gone', async (t) => {
  await using world = await processWorld()
  const { cgroups } = world.surroundings
  if (!cgroups?.can.limitMemory) return t.skip('no writable memory controller')
  const start = world.start({
    command: greedy,
    spec: { resources: { limits: { memory: '16Mi' } } },
  })
  await world.runtime.startContainer(start, world.context)
  await ended(world.runtime, start.key)
  await eventually(() => cgroups.list().length === 0)
  const state = await stateOf(await world.reopen(), start.key)
  assert.ok(state?.kind === 'exited')
  assert.equal(state.isOutOfMemory, true)
})

test('the node’s groups go with the runtime once nothing lives in them, and not before', async (t) => {
  await using world = await processWorld({ cgroupRoot: ownRoot })
  const { cgroups } = world.surroundings
  if (!cgroups?.can.limitMemory) return t.skip('no writable memory controller')
  await using _ = { [Symbol.asyncDispose]: async () => await removeOwnRoot() }
  const resources = { limits: { memory: '64Mi', cpu: '1' } }
  const starts = ['first', 'second'].map((uid) => {
    const start = world.start({ uid, command: ['sleep', '60'] })
    return { ...start, pod: { ...start.pod, spec: { ...start.pod.spec, resources } } }
  })
  for (const start of starts) await world.runtime.startContainer(start, world.context)
  assert.notDeepEqual(ownFolders(), [])
  for (const [index, { key }] of starts.entries()) {
    await world.runtime.stopContainer(key, { graceMs: 0 }, world.context)
    await world.runtime[Symbol.asyncDispose]()
    // One group for the pod, one for its container, as long as that runs.
    assert.equal(cgroups.list().length, index === 0 ? 2 : 0)
    assert.equal(ownFolders().length > 0, index === 0)
  }
})

test('a group that is busy for a moment more is removed all the same, one that stays so is left', async () => {
  const clock = new FakeClock()
  let tries = 0
  const left = leaveGroup('c1', { cgroups: { remove: () => (tries += 1) === 50 }, clock })
  await clock.advance(10_000)
  assert.equal(await left, true)
  assert.equal(tries, 50)
  const stuck = leaveGroup('c1', { cgroups: { remove: () => false }, clock })
  await clock.advance(20_000)
  assert.equal(await stuck, false)
  assert.equal(clock.pending, 0)
})

test('counts usage from the process table where there is no control group', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  await using world = await processWorld({ cgroupRoot: false })
  const start = world.start({ command: ['sh', '-c', 'sleep 60 & sleep 60'] })
  await world.runtime.startContainer(start, world.context)
  await eventually(async () => {
    const [one] = await world.runtime.containerStats([start.key])
    return (one?.stats.memory?.rssBytes ?? 0) > 100_000
  })
  const stats = await world.runtime.nodeStats()
  assert.ok((stats.memory?.workingSetBytes ?? 0) > 0)
  assert.ok((stats.cpu?.usageCoreNanoSeconds ?? 0) > 0)
})

test('figures of a container that has ended, or that nobody knows, hide no others', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  for (const config of [{}, { cgroupRoot: false }]) {
    await using world = await processWorld(config)
    const runs = world.start({ command: ['sleep', '60'], uid: 'runs' })
    const over = world.start({ command: ['true'], uid: 'over' })
    const never = world.start({ command: ['true'], uid: 'never' })
    for (const start of [runs, over]) await world.runtime.startContainer(start, world.context)
    await ended(world.runtime, over.key)
    const stats = await world.runtime.containerStats([never.key, over.key, runs.key])
    assert.deepEqual(
      stats.map(({ key }) => key.pod.uid),
      ['runs'],
    )
    assert.notEqual(stats[0]?.stats.cpu?.usageCoreNanoSeconds, undefined)
  }
})

const ownRoot = `/vk-test-${process.pid}`

function ownRoots(): readonly string[] {
  const mounts = parseCgroupMounts(readOr('/proc/self/mountinfo'))
  return [...new Set(mounts.map(({ path }) => join(path, ownRoot)))]
}

/** Folders of nodes in all hierarchies. */
function ownFolders(): readonly string[] {
  return ownRoots().flatMap(groupNames)
}

async function removeOwnRoot(): Promise<void> {
  // Not made in every hierarchy.
  await Promise.allSettled(ownRoots().map(async (root) => await rmdir(root)))
}
