// SPDX-License-Identifier: Apache-2.0
// One piece of a picture of the Mandelbrot set: every TILES-th row, beginning with row
// JOB_COMPLETION_INDEX. Writes one line a row: its number, and a byte for each pixel in base64.
const number = (name, fallback) => Number(process.env[name] ?? fallback)
const index = number('JOB_COMPLETION_INDEX', 0)
const tiles = number('TILES', 1)
const width = number('WIDTH', 1440)
const height = number('HEIGHT', 810)
const limit = number('LIMIT', 8000)
const [centreX, centreY, span] = (process.env.VIEW ?? '-0.743517833,0.127094578,0.012')
  .split(',')
  .map(Number)

for (let row = index; row < height; row += tiles) {
  const pixels = Buffer.alloc(width)
  for (let column = 0; column < width; column += 1) pixels[column] = shade(column, row)
  console.log(`${row} ${pixels.toString('base64')}`)
}

/** 0 inside the set, else 1…255 by how soon the point escapes; smooth, so that no bands are seen. */
function shade(column, row) {
  const scale = span / width
  const cx = centreX + (column - width / 2) * scale
  const cy = centreY + (row - height / 2) * scale
  let [x, y] = [0, 0]
  for (let step = 0; step < limit; step += 1) {
    const [xx, yy] = [x * x, y * y]
    if (xx + yy > 256) {
      const smooth = step + 1 - Math.log2(Math.log(xx + yy) / 2)
      return 1 + (Math.round(Math.sqrt(smooth) * 24) % 255)
    }
    y = 2 * x * y + cy
    x = xx - yy + cx
  }
  return 0
}
