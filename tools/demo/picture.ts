// SPDX-License-Identifier: Apache-2.0
// The rows that pods write as log lines, put together: as colours, and as blocks of text on a terminal.
import type { RgbPicture } from './png.ts'

/** A picture that is filled row by row. */
export class Picture {
  readonly width: number
  readonly height: number
  readonly #shades: Uint8Array
  readonly #rows = new Set<number>()

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.#shades = new Uint8Array(width * height)
  }

  get isComplete(): boolean {
    return this.#rows.size === this.height
  }

  /** Takes a line `ROW BASE64`; false when it is none. */
  addLine(line: string): boolean {
    const [, row = '', data = ''] = /^(\d+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? []
    const pixels = Buffer.from(data, 'base64')
    if (row === '' || pixels.length !== this.width || Number(row) >= this.height) return false
    this.#shades.set(pixels, Number(row) * this.width)
    this.#rows.add(Number(row))
    return true
  }

  toRgb(): RgbPicture {
    const rgb = new Uint8Array(this.#shades.length * 3)
    for (const [index, shade] of this.#shades.entries()) rgb.set(colorOf(shade), index * 3)
    return { width: this.width, height: this.height, rgb }
  }

  /** Lines of text, two rows of pixels each; without colour, letters from dark to light. */
  toText(columns: number, hasColor: boolean): readonly string[] {
    const step = this.width / columns
    const lines: string[] = []
    for (let y = 0; y + step < this.height; y += 2 * step) {
      let line = ''
      for (let column = 0; column < columns; column += 1) {
        const [upper, lower] = [y, y + step].map((top) => this.#average(column * step, top, step))
        line += hasColor ? halfBlock(upper, lower) : letter(upper, lower)
      }
      lines.push(hasColor ? `${line}\x1b[0m` : line.trimEnd())
    }
    return lines
  }

  #average(left: number, top: number, size: number): Color {
    const sum = [0, 0, 0]
    let count = 0
    for (let y = Math.floor(top); y < Math.min(top + size, this.height); y += 1) {
      for (let x = Math.floor(left); x < Math.min(left + size, this.width); x += 1) {
        for (const [part, value] of colorOf(this.#shades[y * this.width + x] ?? 0).entries()) {
          sum[part] = (sum[part] ?? 0) + value
        }
        count += 1
      }
    }
    const [red = 0, green = 0, blue = 0] = sum.map((value) =>
      Math.round(value / Math.max(1, count)),
    )
    return [red, green, blue]
  }
}

type Color = readonly [red: number, green: number, blue: number]

const palette: readonly Color[] = Array.from({ length: 256 }, (_, shade): Color => {
  const wave = (phase: number): number =>
    Math.round(127.5 + 127.5 * Math.cos(2 * Math.PI * (shade / 255 + phase)))
  return shade === 0 ? [0, 0, 0] : [wave(0.5), wave(0.58), wave(0.7)]
})

function colorOf(shade: number): Color {
  return palette[shade] ?? [0, 0, 0]
}

function halfBlock(upper: Color = [0, 0, 0], lower: Color = [0, 0, 0]): string {
  return `\x1b[38;2;${upper.join(';')};48;2;${lower.join(';')}m▀`
}

const letters = ' .:-=+*#%@'

function letter(upper: Color = [0, 0, 0], lower: Color = [0, 0, 0]): string {
  const light = (upper[0] + upper[1] + upper[2] + lower[0] + lower[1] + lower[2]) / 6 / 256
  return letters[Math.floor(light * letters.length)] ?? ' '
}
