// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseCronFields } from './cron-fields.ts'
import { parseCronSchedule } from './cron-schedule.ts'
import { findTimeZone, utc } from './time-zone.ts'

function startsOf(schedule: string, after: string, count: number, zoneName = 'UTC'): string[] {
  const parsed = parseCronSchedule(schedule, findTimeZone(zoneName))
  const starts: string[] = []
  let ms = Date.parse(after)
  for (let n = 0; n < count; n += 1) {
    ms = parsed.next(ms) ?? NaN
    starts.push(new Date(ms).toISOString().slice(0, 16))
  }
  return starts
}

test('knows lists, ranges, steps, names and descriptors', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['*/20 * * * *', ['2026-01-01T00:20', '2026-01-01T00:40', '2026-01-01T01:00']],
    ['5/25 3 * * *', ['2026-01-01T03:05', '2026-01-01T03:30', '2026-01-01T03:55']],
    ['30 6-16/4 * * 1-5', ['2026-01-01T06:30', '2026-01-01T10:30', '2026-01-01T14:30']],
    ['0 0 1,15 * *', ['2026-01-15T00:00', '2026-02-01T00:00', '2026-02-15T00:00']],
    ['0 12 * * mon,FRI', ['2026-01-02T12:00', '2026-01-05T12:00', '2026-01-09T12:00']],
    ['0 0 13 * 5', ['2026-01-02T00:00', '2026-01-09T00:00', '2026-01-13T00:00']],
    ['0 0 */2 * 5', ['2026-01-02T00:00', '2026-01-03T00:00', '2026-01-05T00:00']],
    ['59 23 29 feb ?', ['2028-02-29T23:59', '2032-02-29T23:59', '2036-02-29T23:59']],
    ['@hourly', ['2026-01-01T01:00', '2026-01-01T02:00', '2026-01-01T03:00']],
    ['@weekly', ['2026-01-04T00:00', '2026-01-11T00:00', '2026-01-18T00:00']],
    ['@yearly', ['2027-01-01T00:00', '2028-01-01T00:00', '2029-01-01T00:00']],
    ['@every 1h30m', ['2026-01-01T01:30', '2026-01-01T03:00', '2026-01-01T04:30']],
  ]
  for (const [schedule, starts] of cases) {
    assert.deepEqual(startsOf(schedule, '2026-01-01T00:00:00Z', 3), starts, schedule)
  }
})

test('a day that never comes has no start', () => {
  assert.equal(parseCronSchedule('0 0 31 2 *').next(Date.UTC(2026, 0, 1)), undefined)
})

test('refuses with the words that users of Kubernetes know', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', 'empty spec string'],
    ['* * *', 'expected exactly 5 fields, found 3: [* * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['@never', 'unrecognized descriptor: @never'],
    ['@every soon', 'failed to parse duration soon: time: invalid duration "soon"'],
  ]
  for (const [schedule, message] of cases) {
    assert.throws(() => parseCronSchedule(schedule), { message })
  }
})

test('follows local time; a time that does not exist is skipped, one that comes twice counts twice', () => {
  assert.deepEqual(startsOf('30 2 * * *', '2026-03-27T12:00:00Z', 3, 'Europe/Berlin'), [
    '2026-03-28T01:30',
    '2026-03-30T00:30',
    '2026-03-31T00:30',
  ])
  assert.deepEqual(startsOf('30 2 * * *', '2026-10-24T12:00:00Z', 3, 'Europe/Berlin'), [
    '2026-10-25T00:30',
    '2026-10-25T01:30',
    '2026-10-26T01:30',
  ])
  assert.deepEqual(startsOf('0 0 * * *', '2026-01-01T00:00:00Z', 1, 'Asia/Kathmandu'), [
    '2026-01-01T18:15',
  ])
  assert.equal(findTimeZone('Mars/Olympus'), undefined)
})

test('finds the first minute that all fields admit', () => {
  const field = (min: number, max: number): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('*') },
      fc.integer({ min, max }).map(String),
      fc
        .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.integer({ min: 1, max: max - min }).map((step) => `*/${step}`),
    )
  const text = fc
    .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6))
    .map((fields) => fields.join(' '))
  const zones = fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe')
  const times = fc.integer({ min: Date.UTC(2026, 0, 1) / 1000, max: Date.UTC(2028, 0, 1) / 1000 })
  fc.assert(
    fc.property(text, zones, times, (schedule, zoneName, afterSeconds) => {
      const zone = findTimeZone(zoneName) ?? utc
      const fields = parseCronFields(schedule)
      const start = parseCronSchedule(schedule, zone).next(afterSeconds * 1000)
      const admits = (ms: number): boolean => {
        const local = new Date(ms + zone.offsetMs(ms))
        const ofMonth = fields.dayOfMonth.values.has(local.getUTCDate())
        const ofWeek = fields.dayOfWeek.values.has(local.getUTCDay())
        const isEither = !fields.dayOfMonth.isStar && !fields.dayOfWeek.isStar
        return (
          fields.minute.values.has(local.getUTCMinutes()) &&
          fields.hour.values.has(local.getUTCHours()) &&
          fields.month.values.has(local.getUTCMonth() + 1) &&
          (isEither ? ofMonth || ofWeek : ofMonth && ofWeek)
        )
      }
      // A day of minutes is searched one by one; beyond it the start itself has to fit.
      const firstMinute = Math.floor(afterSeconds / 60) + 1
      const found = [...Array(1440).keys()].find((minute) =>
        admits((firstMinute + minute) * 60_000),
      )
      if (found !== undefined) assert.equal(start, (firstMinute + found) * 60_000)
      else if (start !== undefined) assert.ok(admits(start) && start > afterSeconds * 1000)
    }),
    { numRuns: 60 },
  )
})
