// SPDX-License-Identifier: Apache-2.0
// Reads a connection into one buffer that all connections use in turn. Node makes a new buffer for each TLS
// record, which costs more than decrypting it; its documented way around that (`onread`) is only for sockets
// that connect, not for those that a server accepts. This sets on an accepted socket what `onread` sets on
// the others: by names of Node's own, so that it asks first whether they are there.
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const sharedLength = 64 * 1024
let shared: Buffer | undefined

/** Node's keys for a socket's own buffer, and for who is told that it was filled. */
interface Keys {
  readonly buffer: symbol
  readonly filled: symbol
}

let keys: Keys | undefined

interface Handle {
  useUserBuffer(buffer: Buffer): void
}

/**
 * From now on, `take` gets what comes in, in memory that is only valid during the call; `pause` and `resume` work
 * as ever, but a few calls may follow a pause. What was read before still comes as `data`, first; `end` as ever.
 * Returns what ends it, after which all that comes is dropped; undefined where it cannot be done.
 */
export function readDirectly(
  socket: Duplex,
  take: (bytes: Buffer) => void,
): Disposable | undefined {
  if (!(socket instanceof Socket)) return undefined
  const handle = handleOf(socket)
  keys ??= keysOf(socket)
  if (handle === undefined || keys === undefined) return undefined
  shared ??= Buffer.allocUnsafeSlow(sharedLength)
  const reading = new Reading(socket, keys.filled)
  Reflect.set(socket, keys.filled, (length: number, buffer: Buffer) => {
    take(buffer.subarray(0, length))
    return true
  })
  Reflect.set(socket, keys.buffer, shared)
  handle.useUserBuffer(shared)
  return reading
}

class Reading implements Disposable {
  readonly #socket: Socket
  readonly #filled: symbol

  constructor(socket: Socket, filled: symbol) {
    this.#socket = socket
    this.#filled = filled
  }

  [Symbol.dispose](): void {
    Reflect.set(this.#socket, this.#filled, drop)
  }
}

function drop(): boolean {
  return true
}

function handleOf(socket: Socket): Handle | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<Handle> | null }
  return typeof handle?.useUserBuffer === 'function' ? (handle as Handle) : undefined
}

function keysOf(socket: Socket): Keys | undefined {
  const found = new Map(Object.getOwnPropertySymbols(socket).map((key) => [key.description, key]))
  const [buffer, filled, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    found.get(name),
  )
  // Without the third, Node does what nobody has looked at.
  return buffer && filled && next ? { buffer, filled } : undefined
}
