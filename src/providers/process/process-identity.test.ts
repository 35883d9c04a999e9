// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  isAlive,
  maySignalGroup,
  observeProcess,
  parseStat,
  readBootId,
} from './process-identity.ts'

const recorded = { pid: 100, startTime: '5000', bootId: 'boot-1' }
const same = { startTime: '5000', isZombie: false }

test('a process is itself only with its start time and in its boot', () => {
  assert.equal(isAlive(recorded, { bootId: 'boot-1', observed: same }), true)
  assert.equal(isAlive(recorded, { bootId: 'boot-2', observed: same }), false)
  assert.equal(isAlive(recorded, { bootId: 'boot-1', observed: undefined }), false)
  const reused = { ...same, startTime: '5001' }
  assert.equal(isAlive(recorded, { bootId: 'boot-1', observed: reused }), false)
  assert.equal(
    isAlive(recorded, { bootId: 'boot-1', observed: { ...same, isZombie: true } }),
    false,
  )
})

test('a group is not signalled once its number may be a stranger’s', () => {
  const now = { bootId: 'boot-1', observed: same }
  assert.equal(maySignalGroup(recorded, now), true)
  assert.equal(maySignalGroup(recorded, { ...now, observed: undefined }), true)
  assert.equal(maySignalGroup(recorded, { ...now, bootId: 'boot-2' }), false)
  assert.equal(maySignalGroup(recorded, { ...now, observed: { ...same, startTime: '1' } }), false)
  assert.equal(maySignalGroup({ ...recorded, pid: 1 }, now), false)
  assert.equal(maySignalGroup({ ...recorded, pid: 0 }, now), false)
})

test('never signals another process than the recorded one', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.boolean(), (mine, theirs, isZombie) => {
      fc.pre(mine !== theirs)
      const before = { pid: 7, startTime: String(mine), bootId: 'b' }
      const now = { bootId: 'b', observed: { startTime: String(theirs), isZombie } }
      assert.equal(maySignalGroup(before, now), false)
      assert.equal(isAlive(before, now), false)
    }),
    { seed: 1 },
  )
})

test('reads /proc/<pid>/stat whatever the program is called', () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 4)).join(' ')
  for (const name of ['sh', 'a b', '(a) b) (c', ') R 1 2', '\n']) {
    const stat = parseStat(`100 (${name}) S ${fields}\n`)
    assert.deepEqual(stat, {
      startTime: '22',
      isZombie: false,
      parent: 4,
      group: 5,
      session: 6,
      cpuTicks: 14 + 15 + 16 + 17,
      residentPages: 24,
    })
  }
  assert.equal(parseStat(''), undefined)
  assert.equal(parseStat('100 (sh'), undefined)
})

test('observes a living process and not one that is gone', async () => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  const observed = await observeProcess(pid)
  assert.ok(observed && !observed.isZombie)
  assert.ok(isAlive({ ...observed, pid, bootId: readBootId() }, { bootId: readBootId(), observed }))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(await observeProcess(pid), undefined)
})
