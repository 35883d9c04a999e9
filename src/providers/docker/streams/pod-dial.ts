// SPDX-License-Identifier: Apache-2.0
// A connection to a port of a pod that cannot be reached from here: through the engine, by a program that lies in
// the pod's sandbox and is in its network. It ends with the connection, because its input ends; that we send no more
// is said in the input.
import { once } from 'node:events'
import { Duplex, type Readable, type Writable } from 'node:stream'
import type { CallContext } from '../../../provider/provider.ts'
import { joinHostPort } from '../../../runtime/probes/resolve-port.ts'
import { untilAborted } from '../../../util/until-aborted.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { oneLine } from '../engine/engine-error.ts'
import { dialPath } from '../sandbox/pause-image.ts'
import { inputTo, separate } from './separate-output.ts'
import { socketAddress } from './socket-address.ts'

export interface DialTarget {
  /** As the pod's network has it: an IP address. */
  readonly host: string
  readonly port: number
}

export interface DialPlace {
  readonly client: Engine['client']
  readonly sandboxId: string
  /** Another address than that of the target, under which its network has the port. */
  readonly at?: string
}

/** It says no more than three. */
const maxSaidBytes = 3
/** What its input is cut into: the length has two bytes. */
const maxPieceBytes = 0xffff
/** What the program says when it begins to connect. */
const trying = 255
/** Numbers of Linux, which need not be this machine's. */
const codes: Readonly<Record<number, string>> = {
  13: 'EACCES',
  99: 'EADDRNOTAVAIL',
  101: 'ENETUNREACH',
  104: 'ECONNRESET',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  113: 'EHOSTUNREACH',
}

/**
 * Rejects with an error as of a socket when the port does not answer so; with the signal's reason when that aborts
 * while it is being tried; with a VkError when it was never tried.
 */
export async function dialInSandbox(
  target: DialTarget,
  place: DialPlace,
  { signal }: Pick<CallContext, 'signal'>,
): Promise<Duplex> {
  const relay = await untilAborted(openRelay(target, place, signal), signal).catch(
    (error: unknown) => {
      throw signal.aborted ? neverTried(signal) : error
    },
  )
  try {
    return await untilAborted(relay.connected, signal)
  } catch (error) {
    relay.connection.destroy()
    throw signal.aborted && !relay.isTrying ? neverTried(signal) : error
  }
}

interface Relay {
  readonly connection: Duplex
  readonly connected: Promise<Duplex>
  readonly isTrying: boolean
}

/** Whoever has left is not waited for, but what is opened after all is closed. */
async function openRelay(
  target: DialTarget,
  { client, sandboxId, at = target.host }: DialPlace,
  signal: AbortSignal,
): Promise<Relay> {
  const body = {
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    Cmd: [dialPath, socketAddress({ ...target, host: at })],
  }
  const create = { method: 'POST', path: `/containers/${sandboxId}/exec`, body } as const
  const { Id } = await client.json<{ Id: string }>(create, { signal })
  const start = { method: 'POST', path: `/exec/${Id}/start`, body: { Tty: false } } as const
  // One that is broken off would leave open whether the program has an input that ends.
  const connection = await client.hijack(start, { signal: new AbortController().signal })
  if (signal.aborted) connection.destroy()
  return relayOn(connection, target)
}

/** Reads what the program says until the connection is there, or is not. */
function relayOn(connection: Duplex, target: DialTarget): Relay {
  const choice = { isTerminal: false, stdout: true, stderr: true }
  const { out, err, first } = separate(connection, choice)
  if (!out || !err) throw new VkError('Internal', 'a relay has both outputs')
  const { promise: connected, resolve, reject } = Promise.withResolvers<Duplex>()
  let said = Buffer.alloc(0)
  err.on('data', (chunk: Buffer) => {
    if (said.length < maxSaidBytes) said = Buffer.concat([said, chunk])
    const [begun, result] = said
    if (begun !== trying || result === undefined) return
    if (result !== 0) reject(socketError('connect', result, target))
    else resolve(stream)
  })
  const broken = (): Error | undefined => {
    const [, , last = 0] = said
    return last === 0 ? undefined : socketError('read', last, target)
  }
  const stream = streamOn(connection, { out, input: inputTo(connection), broken })
  void once(err, 'end').then(async () => reject(refusal(await first)))
  connected.catch(() => stream.destroy())
  return {
    connection,
    connected,
    get isTrying() {
      return said[0] === trying
    },
  }
}

function streamOn(
  connection: Duplex,
  parts: {
    readonly out: Readable
    readonly input: Writable
    /** Why the connection ended, if not as it should. */
    readonly broken: () => Error | undefined
  },
): Duplex {
  const { out, input, broken } = parts
  const stream = new Duplex({
    read: () => void out.resume(),
    write: (chunk: Buffer, _encoding, done) => void input.write(inPieces(chunk), done),
    final: (done) => void input.write(piece(Buffer.alloc(0)), done),
    destroy: (error, done) => {
      connection.destroy()
      out.destroy()
      done(error)
    },
  })
  out.pause()
  out.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) out.pause()
  })
  out.once('end', () => {
    const error = broken()
    if (error) stream.destroy(error)
    else stream.push(null)
  })
  stream.on('error', () => {
    // Whoever has it listens as well.
  })
  return stream
}

function inPieces(bytes: Buffer): Buffer {
  const count = Math.ceil(bytes.length / maxPieceBytes)
  const pieces = Array.from({ length: count }, (_, index) =>
    piece(bytes.subarray(index * maxPieceBytes, (index + 1) * maxPieceBytes)),
  )
  return Buffer.concat(pieces)
}

/** As dial-program.ts reads it; one without bytes is the last. */
function piece(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([length, bytes])
}

function socketError(syscall: string, number: number, { host, port }: DialTarget): Error {
  const code = codes[number] ?? `error ${number}`
  const message = `${syscall} ${code} ${joinHostPort(host, port)}`
  return Object.assign(new Error(message), { code, syscall, address: host, port })
}

function neverTried(signal: AbortSignal): Error {
  const why = 'the engine has not begun to connect to the pod in time'
  return new VkError('Timeout', why, { cause: signal.reason })
}

/** An engine says as if it were the program's output why it cannot start it. */
function refusal(first: Buffer | undefined): Error {
  const words = first === undefined || first[0] === trying ? '' : oneLine(first.toString())
  const why = words || 'it does not say why'
  return new VkError('Unavailable', `the engine does not connect to the pod: ${why}`)
}
