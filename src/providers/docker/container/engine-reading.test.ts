// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryOf, networkOf } from './engine-reading.ts'

const time = '2026-01-01T00:00:00.000Z'

test('the working set is what is used without the inactive file cache, in both versions of control groups', () => {
  const memory_stats = (stats: Readonly<Record<string, number>>) => ({
    memory_stats: { usage: 1000, limit: 4000, stats },
  })
  const expected = { time, usageBytes: 1000, workingSetBytes: 700, availableBytes: 3300 }
  const first = { total_inactive_file: 300, inactive_file: 1, total_rss: 5, total_pgfault: 6 }
  assert.deepEqual(memoryOf(memory_stats(first), time), { ...expected, rssBytes: 5, pageFaults: 6 })
  const second = { inactive_file: 300, anon: 7, pgmajfault: 8 }
  assert.deepEqual(memoryOf(memory_stats(second), time), {
    ...expected,
    rssBytes: 7,
    majorPageFaults: 8,
  })
})

test('a container without a limit has no room that is known, and one that is not counted nothing at all', () => {
  const memory_stats = { usage: 1000, limit: 2 ** 63, stats: null }
  const expected = { time, usageBytes: 1000, workingSetBytes: 1000 }
  assert.deepEqual(memoryOf({ memory_stats }, time), expected)
  assert.equal(memoryOf({ memory_stats: { usage: 0 } }, time), undefined)
  assert.equal(memoryOf({}, time), undefined)
})

test('the network is that of the first interface, without what is not counted', () => {
  const networks = { eth0: { rx_bytes: 1, tx_bytes: 2, tx_errors: 0 }, eth1: { rx_bytes: 9 } }
  const expected = { time, name: 'eth0', rxBytes: 1, txBytes: 2, txErrors: 0 }
  assert.deepEqual(networkOf(networks, time), expected)
  assert.equal(networkOf({}, time), undefined)
})
