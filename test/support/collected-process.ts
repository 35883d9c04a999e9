// SPDX-License-Identifier: Apache-2.0
// Reads a process of a provider to its end.
import type { Readable } from 'node:stream'
import type { ProcessStreams } from '../../src/provider/streams.ts'

/** What a process wrote and how it ended. */
export interface CollectedProcess {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** Gives it this input, if it takes any, and waits for its end. */
export async function collectProcess(
  process: ProcessStreams,
  input?: string,
): Promise<CollectedProcess> {
  process.stdin?.end(input)
  const [stdout, stderr, { exitCode }] = await Promise.all([
    readAll(process.stdout),
    readAll(process.stderr),
    process.exited,
  ])
  return { stdout, stderr, exitCode }
}

async function readAll(stream: Readable | undefined): Promise<string> {
  const pieces: Buffer[] = []
  if (stream) for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** Reads until `isEnough` says so of all that came; goes on behind it the next time. */
export class OutputReader {
  text = ''
  #waiting: (() => void)[] = []

  constructor(stream: Readable | undefined) {
    stream?.on('data', (piece: Buffer) => {
      this.text += piece.toString()
      this.#wake()
    })
    stream?.once('close', () => this.#wake())
  }

  async until(isEnough: (text: string) => boolean): Promise<void> {
    while (!isEnough(this.text)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
