// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseImages, type StoredImage } from './choose-images.ts'

const limits = { highPercent: 85, lowPercent: 80, minimumAgeMs: 1000 }
const nowMs = 10_000

function image(id: string, lastUsedMs: number, isUsed = false): StoredImage {
  return { id, sizeBytes: 4, lastUsedMs, isUsed }
}

function choose(images: readonly StoredImage[], availableBytes: number): readonly string[] {
  return chooseImages(images, { disk: { capacityBytes: 100, availableBytes }, limits, nowMs })
}

test('below the high mark every image stays', () => {
  assert.deepEqual(choose([image('a', 0)], 16), [])
})

test('above it the longest unused go, until the low mark is reached', () => {
  const images = [image('c', 3), image('a', 1), image('b', 2), image('d', 4)]
  assert.deepEqual(choose(images, 12), ['a', 'b'])
})

test('an image that is used, or that came just now, stays', () => {
  const images = [image('used', 0, true), image('young', nowMs - 999), image('old', nowMs - 1000)]
  assert.deepEqual(choose(images, 0), ['old'])
})

test('when the disk is full, all goes that nothing uses', () => {
  const images = [image('a', 1), image('used', 2, true), image('b', 3), image('young', nowMs)]
  assert.deepEqual(chooseImages(images, { disk: 'full', limits, nowMs }), ['a', 'b'])
})
