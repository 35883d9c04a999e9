// SPDX-License-Identifier: Apache-2.0
// What comes out of a stream, collected while a check goes on; every wait has an end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ProcessStreams } from '../provider/streams.ts'

/** The output of one stream so far. */
export class StreamOutput {
  readonly #stream: Readable
  readonly #timeoutMs: number
  readonly #pieces: Buffer[] = []

  constructor(stream: Readable | undefined, timeoutMs: number) {
    assert.ok(stream, 'a stream that was asked for is there')
    this.#stream = stream
    this.#timeoutMs = timeoutMs
    stream.on('data', (piece: Buffer) => this.#pieces.push(Buffer.from(piece)))
    // An error is no more than the end.
    stream.on('error', () => {})
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  get text(): string {
    return this.bytes.toString('utf8')
  }

  /** Resolves with all that came before the end. */
  async toEnd(): Promise<string> {
    const signal = AbortSignal.timeout(this.#timeoutMs)
    if (!this.#stream.closed) {
      await finished(this.#stream, { writable: false, signal }).catch((error: unknown) => {
        if (signal.aborted) assert.fail(`a stream did not end; so far it said ${this.#quoted}`)
        assert.ok(error)
      })
    }
    return this.text
  }

  /** Resolves with the match once the output has one. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(this.#timeoutMs)
    for (;;) {
      const found = pattern.exec(this.text)
      if (found) return found
      try {
        await once(this.#stream, 'data', { signal })
      } catch {
        assert.fail(`${String(pattern)} never came, but ${this.#quoted}`)
      }
    }
  }

  get #quoted(): string {
    return JSON.stringify(this.text.slice(0, 1000))
  }
}

/** How a process went, to its end: what it said and its exit code. */
export async function outcomeOf(
  process: ProcessStreams,
  { input, timeoutMs }: { readonly input?: string | Buffer; readonly timeoutMs: number },
): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }> {
  const stdout = new StreamOutput(process.stdout, timeoutMs)
  const stderr = process.stderr && new StreamOutput(process.stderr, timeoutMs)
  process.stdin?.on('error', () => {})
  process.stdin?.end(input)
  const { exitCode } = await exitOf(process, timeoutMs)
  return { stdout: await stdout.toEnd(), stderr: (await stderr?.toEnd()) ?? '', exitCode }
}

/** Resolves when the process has ended. */
export async function exitOf(
  { exited }: ProcessStreams,
  timeoutMs: number,
): Promise<{ readonly exitCode: number }> {
  const late = AbortSignal.timeout(timeoutMs)
  const { promise, reject } = Promise.withResolvers<never>()
  late.addEventListener('abort', () => reject(new Error('a process did not end in time')))
  return await Promise.race([exited, promise])
}
