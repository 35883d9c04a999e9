// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { LogEntry } from '../../../provider/log-feed.ts'
import { LogPosition } from './log-position.ts'

test('however often a log is asked for again, every entry comes once', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 40 })
  const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 8 })
  fc.assert(
    fc.property(gaps, cuts, fc.boolean(), (steps, ends, isCoarse) => {
      let nowMs = 1_000_000
      const log = steps.map((gap, index): LogEntry => {
        nowMs += gap
        const timeMs = isCoarse ? Math.floor(nowMs / 1000) * 1000 : nowMs
        return { timeMs, stream: 'stdout', bytes: Buffer.from(String(index)) }
      })
      const position = new LogPosition()
      const read: LogEntry[] = []
      for (const end of [...ends.toSorted((a, b) => a - b), log.length]) {
        const { since } = position
        const answer = log
          .slice(0, end)
          .filter(({ timeMs }) => since === undefined || timeMs >= since * 1000)
        position.rewind()
        for (let at = 0; at < answer.length; at += 3) {
          read.push(...position.advance(answer.slice(at, at + 3)))
        }
      }
      assert.deepEqual(read, log)
    }),
  )
})
