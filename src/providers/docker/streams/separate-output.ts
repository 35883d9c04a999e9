// SPDX-License-Identifier: Apache-2.0
// The output of a connection as the streams that a client asked for, at the pace of whoever reads slowest.
import { PassThrough, Writable, type Duplex, type Readable } from 'node:stream'
import { onceWritable } from '../../../util/once-writable.ts'
import { outputFrames } from './output-frames.ts'

export interface Separated {
  readonly out?: Readable
  readonly err?: Readable
  /** Resolves with the first output; undefined where there was none. */
  readonly first: Promise<Buffer | undefined>
  /** Resolves when the other side has sent all that it had, or is gone. Never rejects. */
  readonly ended: Promise<void>
}

/** What a connection carries, and what of it is wanted. */
export interface OutputChoice {
  readonly isTerminal: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** Begins to read; a terminal's output comes without frames and is all stdout. */
export function separate(
  connection: Readable,
  { isTerminal, stdout, stderr }: OutputChoice,
): Separated {
  const out = stdout ? new PassThrough() : undefined
  const err = stderr && !isTerminal ? new PassThrough() : undefined
  const first = Promise.withResolvers<Buffer | undefined>()
  const write = async (stream: 'stdout' | 'stderr', bytes: Buffer): Promise<void> => {
    first.resolve(bytes)
    await writeTo(stream === 'stdout' ? out : err, bytes)
  }
  const ended = (isTerminal ? copy(connection, write) : split(connection, write))
    .catch(() => {
      // A connection that breaks is one that has ended.
    })
    .finally(() => {
      first.resolve(undefined)
      out?.end()
      err?.end()
    })
  return { ...(out && { out }), ...(err && { err }), first: first.promise, ended }
}

/** What a client sends, to a connection that may be gone. Its end is the end of input, and no more. */
export function inputTo(connection: Duplex): Writable {
  connection.on('error', () => {})
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!connection.writable) return done()
      connection.write(chunk)
      onceWritable(connection, done)
    },
    final(done) {
      connection.end()
      done()
    },
  })
}

type Write = (stream: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>

async function copy(connection: Readable, write: Write): Promise<void> {
  for await (const chunk of connection) await write('stdout', chunk as Buffer)
}

async function split(connection: Readable, write: Write): Promise<void> {
  for await (const frames of outputFrames(connection)) {
    for (const { stream, bytes } of frames) await write(stream, bytes)
  }
}

async function writeTo(target: PassThrough | undefined, bytes: Buffer): Promise<void> {
  if (!target || target.destroyed || target.write(bytes)) return
  await new Promise<void>((resolve) => onceWritable(target, resolve))
}
