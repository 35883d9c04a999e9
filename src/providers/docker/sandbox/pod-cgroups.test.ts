// SPDX-License-Identifier: Apache-2.0
// Folders stand for control groups; test/docker has real ones.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { buildPod } from '../../../../test/support/build-pod.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import type { EngineInfo } from '../engine/engine-objects.ts'
import { PodCgroups, cgroupPath } from './pod-cgroups.ts'

const cgroupParent = '/vk'
const limited = buildPod({
  metadata: { uid: 'u1' },
  spec: {
    resources: { requests: { cpu: '250m' }, limits: { cpu: '500m', memory: '64Mi' } },
  },
})
const { limits: _limits, ...onlyRequests } = limited.spec.resources ?? {}
const unlimited = { ...limited, spec: { ...limited.spec, resources: onlyRequests } }

/** A mount of control groups with these files. */
function mount(t: TestContext, files: Readonly<Record<string, string>>): string {
  const mountPoint = mkdtempSync(join(tmpdir(), 'vk-cgroups-'))
  t.after(() => rmSync(mountPoint, { recursive: true }))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(mountPoint, file)), { recursive: true })
    writeFileSync(join(mountPoint, file), text)
  }
  return mountPoint
}

function open(
  mountPoint: string,
  more: Partial<EngineInfo> = {},
  { isLocal = true, clock = new FakeClock() } = {},
): PodCgroups {
  const info = { CgroupDriver: 'cgroupfs', CgroupVersion: '1', ...more } as EngineInfo
  return new PodCgroups({ engine: { isLocal, info }, config: { cgroupParent }, clock, mountPoint })
}

const version1 = {
  'cpu/vk/cpu.cfs_quota_us': '-1',
  'memory/vk/memory.limit_in_bytes': '9223372036854771712',
  'memory/vk/podu1/memory.limit_in_bytes': '9223372036854771712',
  'memory/vk/podu1/memory.memsw.limit_in_bytes': '9223372036854771712',
}
const version2 = {
  'cgroup.subtree_control': 'cpuset cpu io memory\n',
  'vk/cgroup.subtree_control': 'cpu memory\n',
  'vk/podu1/cgroup.subtree_control': 'cpu memory\n',
}

test('a group of version 1 has what the pod as a whole may use, and then what it may use now', (t) => {
  const mountPoint = mount(t, version1)
  const cgroups = open(mountPoint)
  assert.equal(cgroups.canLimit, true)
  const read = (): readonly string[] =>
    ['cpu/cpu.shares', 'cpu/cpu.cfs_quota_us', 'memory/memory.limit_in_bytes']
      .concat('memory/memory.memsw.limit_in_bytes')
      .map((file) => readFileSync(join(mountPoint, file.replace('/', '/vk/podu1/')), 'utf8'))
  cgroups.limit(limited)
  assert.deepEqual(read(), ['256', '50000', '67108864', '67108864'])
  cgroups.limit(unlimited)
  assert.deepEqual(read(), ['256', '-1', '-1', '-1'])
})

test('so has one of version 2, where there may be no swap', (t) => {
  const mountPoint = mount(t, version2)
  const cgroups = open(mountPoint, { CgroupVersion: '2' })
  assert.equal(cgroups.canLimit, true)
  const read = (): readonly string[] =>
    ['cpu.weight', 'cpu.max', 'memory.max'].map((file) =>
      readFileSync(join(mountPoint, 'vk/podu1', file), 'utf8'),
    )
  cgroups.limit(limited)
  assert.deepEqual(read(), ['10', '50000 100000', '67108864'])
  cgroups.limit(unlimited)
  assert.deepEqual(read(), ['10', 'max 100000', 'max'])
  assert.equal(existsSync(join(mountPoint, 'vk/podu1/memory.swap.max')), false)
})

test('pods as a whole are limited only where groups are the files of this machine', (t) => {
  const mountPoint = mount(t, version1)
  const cgroups = {
    'another machine': open(mountPoint, {}, { isLocal: false }),
    systemd: open(mountPoint, { CgroupDriver: 'systemd' }),
    'of a user': open(mountPoint, { Rootless: true }),
    'of a user, in the words of Docker': open(mountPoint, { SecurityOptions: ['name=rootless'] }),
    'no controllers': open(mount(t, {})),
    'nothing handed down': open(mount(t, { 'cgroup.subtree_control': '\n' }), {
      CgroupVersion: '2',
    }),
  }
  for (const [what, each] of Object.entries(cgroups)) {
    assert.equal(each.canLimit, false, what)
    each.limit(limited)
    each.check(limited, 1)
  }
})

test('a pod that the engine puts elsewhere is not taken for limited', (t) => {
  const mountPoint = mount(t, {
    ...version1,
    'cpu/vk/podu1/c/cgroup.procs': '7\n8\n',
    'memory/vk/podu1/c/cgroup.procs': '8\n',
  })
  const cgroups = open(mountPoint)
  cgroups.check(limited, 8)
  assert.throws(() => cgroups.check(limited, 7), { code: 'Unsupported' })
})

test('what the engine has left in a group goes with it, and what is in use later', async (t) => {
  const mountPoint = mount(t, { 'memory/vk/podu1/conmon/busy': '', 'cpu/vk/other': '' })
  mkdirSync(join(mountPoint, 'cpu/vk/podu1/conmon'), { recursive: true })
  const clock = new FakeClock()
  const cgroups = open(mountPoint, {}, { clock })
  cgroups.remove('u1')
  while (clock.pending === 0) await turn()
  assert.equal(existsSync(join(mountPoint, 'cpu/vk/podu1')), false)
  assert.equal(existsSync(join(mountPoint, 'memory/vk/podu1/conmon')), true)
  rmSync(join(mountPoint, 'memory/vk/podu1/conmon/busy'))
  await clock.advance(200)
  while (existsSync(join(mountPoint, 'memory/vk/podu1'))) await turn()
  assert.equal(existsSync(join(mountPoint, 'cpu/vk/other')), true)
})

test('groups that crashes have left go when they are old and nothing is in them', async (t) => {
  const mountPoint = mount(t, {
    'memory/vk/poduse/c/cgroup.procs': '7\n',
    'cpu/vk/poduse/c/cgroup.procs': '7\n',
  })
  for (const path of ['memory/vk/podold/conmon', 'cpu/vk/podold', 'cpu/vk/pod-other']) {
    mkdirSync(join(mountPoint, path), { recursive: true })
  }
  const names = (): readonly string[] => [
    ...new Set(['cpu/vk', 'memory/vk'].flatMap((dir) => readdirSync(join(mountPoint, dir)))),
  ]
  const sweepAt = (atMs: number): Promise<void> =>
    open(mountPoint, {}, { clock: new FakeClock(atMs) }).sweep()
  await sweepAt(Date.now())
  assert.deepEqual(names().toSorted(), ['pod-other', 'podold', 'poduse'])
  await sweepAt(Date.now() + 3_600_000)
  assert.deepEqual(names().toSorted(), ['pod-other', 'poduse'])
})

test('an engine without root chooses the groups of its containers, whatever its driver is', async (t) => {
  const mountPoint = mount(t, {})
  mkdirSync(join(mountPoint, 'cpu/vk/podold'), { recursive: true })
  for (const CgroupDriver of ['cgroupfs', 'systemd']) {
    const clock = new FakeClock(Date.now() + 3_600_000)
    const cgroups = open(mountPoint, { CgroupDriver, Rootless: true }, { clock })
    assert.equal(cgroups.parentOf('u1'), undefined)
    cgroups.remove('u1')
    await cgroups.sweep()
  }
  // It is another engine's.
  assert.equal(existsSync(join(mountPoint, 'cpu/vk/podold')), true)
})

test('a slice of systemd lies in one for each of its dashes', (t) => {
  const parent = open(mount(t, {}), { CgroupDriver: 'systemd' }).parentOf('a-b')
  assert.equal(parent, 'vk-poda_b.slice')
  assert.equal(cgroupPath(parent), 'vk.slice/vk-poda_b.slice')
})
