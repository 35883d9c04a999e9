// SPDX-License-Identifier: Apache-2.0
// A byte stream through a WebSocket: the borders of messages mean nothing. Closing it normally is its end.
import { Duplex } from 'node:stream'
import type { RawData } from 'ws'
import { noteForeignMemory } from '../../../util/foreign-memory.ts'
import { sendWithPressure } from './accept-websocket.ts'
import type { AcceptedWebSocket } from './accept-websocket.ts'

const normalClosure = 1000

/** The bytes of all binary messages as one stream. */
export class WebSocketTunnel extends Duplex {
  readonly #accepted: AcceptedWebSocket

  constructor(accepted: AcceptedWebSocket) {
    super({ allowHalfOpen: true })
    const { websocket } = accepted
    this.#accepted = accepted
    this.on('error', () => {})
    websocket.on('message', (data, isBinary) => {
      if (!isBinary) this.destroy(new Error('the client reported an error'))
      else if (!this.readableEnded) this.#receive(bytesOf(data))
    })
    websocket.once('close', () => {
      if (!this.destroyed) this.push(null)
      this.destroy()
    })
  }

  #receive(bytes: Buffer): void {
    noteForeignMemory(bytes.length)
    if (!this.push(bytes)) this.#accepted.websocket.pause()
  }

  override _read(): void {
    this.#accepted.websocket.resume()
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    sendWithPressure(this.#accepted, bytes, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#accepted.websocket.resume()
    this.#accepted.websocket.close(normalClosure)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#accepted.websocket.terminate()
    done(error)
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}
