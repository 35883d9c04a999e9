// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { judgePressure, type PressureInput, type Readings } from './judge-pressure.ts'
import { parseThreshold, signals, softThresholdsOf, thresholdsOf } from './thresholds.ts'

const mib = 1024 * 1024
const thresholds = thresholdsOf({
  'nodefs.available': '10%',
  'memory.available': '100Mi',
  'nodefs.inodesFree': '5%',
})

const judge = (readings: Readings, more: Partial<PressureInput> = {}) =>
  judgePressure({
    thresholds,
    readings,
    seen: new Map(),
    crossed: new Map(),
    transitionMs: 300_000,
    nowMs: 1_000_000,
    ...more,
  })

const disk = (share: number): Readings =>
  new Map([['nodefs.available', { available: share * 1000, capacity: 1000 }]])

test('a node is short when less is left than the threshold, and not when just as much', () => {
  assert.deepEqual(judge(disk(0.1)).pressures, [])
  const verdict = judge(disk(0.099))
  assert.deepEqual(verdict.pressures, ['DiskPressure'])
  assert.deepEqual(verdict.shortage, {
    signal: 'nodefs.available',
    resource: 'ephemeral-storage',
    threshold: 100,
    available: 99,
    isSoft: false,
  })
})

test('a soft threshold is told of at once, and acted on when it has been crossed for its time', () => {
  const soft = softThresholdsOf({ 'nodefs.available': '20%' }, { 'nodefs.available': 90 })
  const all = { thresholds: [...thresholds, ...soft] }
  const first = judge(disk(0.15), all)
  assert.deepEqual([first.pressures, first.shortage], [['DiskPressure'], undefined])
  const { crossed } = first
  assert.equal(judge(disk(0.15), { ...all, crossed, nowMs: 1_089_999 }).shortage, undefined)
  const late = judge(disk(0.15), { ...all, crossed, nowMs: 1_090_000 })
  assert.deepEqual([late.shortage?.isSoft, late.shortage?.threshold], [true, 200])
  const between = judge(disk(0.25), { ...all, crossed, nowMs: 1_050_000 })
  assert.equal(
    judge(disk(0.15), { ...all, crossed: between.crossed, nowMs: 1_090_000 }).shortage,
    undefined,
  )
  assert.equal(judge(disk(0.05), { ...all, crossed, nowMs: 1_090_000 }).shortage?.isSoft, false)
})

test('memory is reclaimed before anything else', () => {
  const memory = { available: 99 * mib, capacity: 8192 * mib }
  const { pressures, shortage } = judge(new Map([...disk(0), ['memory.available', memory]]))
  assert.deepEqual(pressures, ['MemoryPressure', 'DiskPressure'])
  assert.equal(shortage?.resource, 'memory')
})

test('what cannot wait is reclaimed before what can', () => {
  const soft = softThresholdsOf({ 'memory.available': '200Mi' }, { 'memory.available': 0 })
  const memory = { available: 150 * mib, capacity: 8192 * mib }
  const readings = new Map([...disk(0), ['memory.available', memory]] as const)
  const { shortage } = judge(readings, { thresholds: [...soft, ...thresholds] })
  assert.equal(shortage?.resource, 'ephemeral-storage')
})

test('inodes count as the disk', () => {
  const { pressures, shortage } = judge(
    new Map([['nodefs.inodesFree', { available: 4, capacity: 100 }]]),
  )
  assert.deepEqual(pressures, ['DiskPressure'])
  assert.equal(shortage?.resource, 'inodes')
})

test('pressure that has gone is reported for a while, but no pod goes for it', () => {
  const { seen } = judge(disk(0))
  const soon = judge(disk(0.5), { seen, nowMs: 1_299_999 })
  assert.deepEqual(soon.pressures, ['DiskPressure'])
  assert.equal(soon.shortage, undefined)
  assert.deepEqual(judge(disk(0.5), { seen, nowMs: 1_300_000 }).pressures, [])
})

test('what cannot be measured is not short', () => {
  assert.deepEqual(judge(new Map()), { seen: new Map(), crossed: new Map(), pressures: [] })
})

test('0% and 100% are no thresholds, and nonsense is none either', () => {
  assert.equal(parseThreshold('memory.available', '0%'), 'never')
  assert.equal(parseThreshold('memory.available', '100%'), 'never')
  for (const text of ['', '0', '-1Gi', '101%', 'lots', '10 %']) {
    assert.equal(parseThreshold('memory.available', text), undefined, text)
  }
  assert.equal(parseThreshold('imagefs.available', '10%'), undefined)
})

test('a shortage always comes with its pressure, and pressure without one was seen before', () => {
  const reading = fc.record({ available: fc.nat(200), capacity: fc.constant(200) })
  const readings = fc
    .dictionary(fc.constantFrom(...signals), reading)
    .map((table) => new Map(Object.entries(table)) as Readings)
  fc.assert(
    fc.property(fc.array(fc.tuple(readings, fc.nat(400_000))), (history) => {
      const small = thresholdsOf({ 'memory.available': '50', 'nodefs.available': '25%' })
      let [seen, nowMs] = [judge(new Map()).seen, 0]
      for (const [now, passedMs] of history) {
        nowMs += passedMs
        const verdict = judge(now, { thresholds: small, seen, nowMs })
        if (verdict.shortage) assert.ok(verdict.pressures.length > 0)
        for (const type of verdict.pressures) {
          assert.ok(nowMs - (verdict.seen.get(type) ?? -Infinity) < 300_000)
        }
        for (const [type, seenMs] of seen) assert.ok((verdict.seen.get(type) ?? 0) >= seenMs)
        seen = verdict.seen
      }
    }),
  )
})
