// SPDX-License-Identifier: Apache-2.0
// The client's bytes on one channel as a Node stream. While too many wait to be read, the whole
// connection is not read: WebSocket has no other brake.
import { Readable } from 'node:stream'
import type { WebSocket } from 'ws'
import { noteForeignMemory } from '../../../util/foreign-memory.ts'

const maxWaitingBytes = 256 * 1024

/** Bytes that came in messages. */
export class MessageReader extends Readable {
  readonly #websocket: WebSocket
  #hasEnded = false

  constructor(websocket: WebSocket) {
    super({ highWaterMark: maxWaitingBytes })
    this.#websocket = websocket
    this.on('error', () => {})
  }

  /** More bytes have come. */
  receive(bytes: Buffer): void {
    if (this.#hasEnded || this.destroyed || bytes.length === 0) return
    noteForeignMemory(bytes.length)
    if (!this.push(bytes)) this.#websocket.pause()
  }

  /** No more will come. */
  receiveEnd(): void {
    if (this.#hasEnded || this.destroyed) return
    this.#hasEnded = true
    this.push(null)
  }

  override _read(): void {
    this.#websocket.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#websocket.resume()
    done(error)
  }
}
