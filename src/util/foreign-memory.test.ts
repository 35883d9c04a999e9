// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { noteForeignMemory } from './foreign-memory.ts'

const { NODE_PERFORMANCE_GC_MAJOR: major, NODE_PERFORMANCE_GC_MINOR: minor } = constants

interface GcEntry {
  readonly detail: { readonly kind?: number }
}

test('buffers that come and go are collected in time, without a look at the whole heap', async () => {
  const kinds: (number | undefined)[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as GcEntry[]) kinds.push(detail.kind)
  })
  observer.observe({ entryTypes: ['gc'] })
  for (let at = 0; at < 512; at += 1) {
    const pieces = Array.from({ length: 64 }, () => Buffer.allocUnsafeSlow(16 * 1024))
    for (const { length } of pieces) noteForeignMemory(length)
    await setImmediate()
  }
  await setImmediate()
  observer.disconnect()
  // V8 would look at the whole heap once every 64 MiB.
  const count = (wanted: number): number => kinds.filter((kind) => kind === wanted).length
  assert.ok(count(minor) >= 100, kinds.join(' '))
  assert.ok(count(major) <= 2, kinds.join(' '))
})

test('the collector is not left for everybody', () => {
  noteForeignMemory(32 * 1024 * 1024)
  assert.equal((globalThis as { gc?: unknown }).gc, undefined)
})
