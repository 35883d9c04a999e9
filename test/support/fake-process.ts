// SPDX-License-Identifier: Apache-2.0
// A process as a provider hands it to the core, played by a test.
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ProcessStreams, StreamChoice, TerminalSize } from '../../src/provider/streams.ts'

/** Streams and exit of one process; the test writes its output and ends it. */
export class FakeProcess implements ProcessStreams {
  readonly stdin?: PassThrough
  readonly stdout?: PassThrough
  readonly stderr?: PassThrough
  readonly exited: Promise<{ readonly exitCode: number }>
  readonly sizes: TerminalSize[] = []
  readonly choice: StreamChoice
  readonly signal: AbortSignal
  readonly #exit: (exit: { readonly exitCode: number }) => void

  constructor(choice: StreamChoice, signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<{ readonly exitCode: number }>()
    this.exited = promise
    this.#exit = resolve
    this.choice = choice
    this.signal = signal
    if (choice.stdin) this.stdin = new PassThrough()
    if (choice.stdout) this.stdout = new PassThrough()
    if (choice.stderr) this.stderr = new PassThrough()
  }

  resize(size: TerminalSize): void {
    this.sizes.push(size)
  }

  /** Ends output and process. */
  end(exitCode: number): void {
    this.stdout?.end()
    this.stderr?.end()
    this.#exit({ exitCode })
  }

  /** All input up to its end. */
  async input(): Promise<string> {
    return this.stdin ? (await buffer(this.stdin)).toString() : ''
  }
}
