// SPDX-License-Identifier: Apache-2.0
// The parts of `npm run demo`: pieces make the same picture as one program, and the file is a PNG of it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { Picture } from '../tools/demo/picture.ts'
import { encodePng } from '../tools/demo/png.ts'
import { renderJob } from '../tools/demo/render-job.ts'

const size = { width: 48, height: 27 }
const program = join(import.meta.dirname, '../examples/mandelbrot/tile.mjs')

function render(tiles: number): Picture {
  const picture = new Picture(size.width, size.height)
  for (let index = 0; index < tiles; index += 1) {
    const env = {
      JOB_COMPLETION_INDEX: `${index}`,
      TILES: `${tiles}`,
      WIDTH: `${size.width}`,
      HEIGHT: `${size.height}`,
      LIMIT: '500',
    }
    const lines = execFileSync(process.execPath, [program], { env, encoding: 'utf8' }).trim()
    for (const line of lines.split('\n')) assert.ok(picture.addLine(line), line)
  }
  assert.ok(picture.isComplete)
  return picture
}

test('pieces make the same picture as one program, and one worth looking at', () => {
  const whole = render(1).toRgb().rgb
  assert.deepEqual(render(4).toRgb().rgb, whole)
  const colors = new Set(
    Array.from({ length: whole.length / 3 }, (_, at) => whole.subarray(at * 3, at * 3 + 3).join()),
  )
  assert.ok(colors.size > 50, `${colors.size} colours`)
})

test('a line that is no row of the picture is refused', () => {
  const picture = new Picture(3, 2)
  for (const line of ['hello', '0 AAA=', '2 AAAA', '-1 AAAA', '0 AAAA AAAA']) {
    assert.equal(picture.addLine(line), false, line)
  }
  assert.equal(picture.addLine('1 AAAA'), true)
  assert.equal(picture.isComplete, false)
})

test('the PNG holds the pixels', () => {
  const rgb = Uint8Array.from({ length: 2 * 3 * 3 }, (_, index) => index * 7)
  const file = encodePng({ width: 2, height: 3, rgb })
  const data = file.subarray(file.indexOf('IDAT') + 4, file.indexOf('IEND') - 8)
  const rows = inflateSync(data)
  const pixels = [0, 1, 2].flatMap((row) => [...rows.subarray(row * 7 + 1, row * 7 + 7)])
  assert.deepEqual(pixels, [...rgb])
  assert.deepEqual([file.readUInt32BE(16), file.readUInt32BE(20)], [2, 3])
})

test('the Job runs all pieces at once, each with its number', () => {
  const { spec } = renderJob('picture', 24) as unknown as { readonly spec: object }
  const { completions, parallelism, completionMode } = spec as Readonly<Record<string, unknown>>
  assert.deepEqual([completions, parallelism, completionMode], [24, 24, 'Indexed'])
})
