// SPDX-License-Identifier: Apache-2.0
// A run on a terminal: log lines scroll by above a frame that is drawn in place. Lines are written in
// bundles, so that a container that writes a lot does not make the terminal flicker.
import { styleText } from 'node:util'
import { createLogUpdate } from 'log-update'
import type { Clock } from '../../util/clock.ts'
import type { RunView } from './judge-run.ts'
import { progressFrame } from './progress-frame.ts'
import type { RunDisplay } from './run-display.ts'

/** The part of a terminal that is used. */
export type Terminal = NodeJS.WriteStream

const bundleMs = 50
const maxBundle = 1000
const sourceStyles = ['cyan', 'green', 'yellow', 'magenta', 'blue'] as const

/** Draws until it is disposed of; the last frame stays. */
export class LiveDisplay implements RunDisplay {
  readonly refreshMs = 200
  readonly #out: Terminal
  readonly #clock: Clock
  readonly #draw: ReturnType<typeof createLogUpdate>
  readonly #styles = new Map<string, (typeof sourceStyles)[number]>()
  #lines: string[] = []
  #view: RunView | undefined
  #timer: Disposable | undefined

  constructor(out: Terminal, { clock }: { readonly clock: Clock }) {
    this.#out = out
    this.#clock = clock
    this.#draw = createLogUpdate(out)
  }

  note(line: string): void {
    this.#add(this.#hasColor ? styleText('dim', line, { validateStream: false }) : line)
  }

  logLine(source: string, line: string): void {
    this.#add(`${this.#paint(source)} | ${line}`)
  }

  show(view: RunView): void {
    this.#view = view
    this.#flush()
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#flush()
    this.#draw.done()
  }

  get #hasColor(): boolean {
    return this.#out.hasColors()
  }

  #add(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length >= maxBundle) this.#flush()
    else this.#timer ??= this.#clock.setTimer(bundleMs, () => this.#flush())
  }

  #flush(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (this.#lines.length > 0) {
      this.#draw.clear()
      this.#out.write(`${this.#lines.join('\n')}\n`)
      this.#lines = []
    }
    if (!this.#view) return
    const { columns, rows } = this.#out
    const size = { columns, rows: Math.max(3, Math.min(rows - 2, 16)), hasColor: this.#hasColor }
    this.#draw(progressFrame(this.#view, size).join('\n'))
  }

  #paint(source: string): string {
    if (!this.#hasColor) return source
    let style = this.#styles.get(source)
    if (style === undefined) {
      style = sourceStyles[this.#styles.size % sourceStyles.length] ?? 'cyan'
      this.#styles.set(source, style)
    }
    return styleText(style, source, { validateStream: false })
  }
}
