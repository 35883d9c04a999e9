// SPDX-License-Identifier: Apache-2.0
//
// The engine as one of another machine: its socket behind a TCP port on loopback. What is reached so shares no
// files with us, as far as the provider can know.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A port that leads to the engine until it is disposed. */
export class TcpRelay implements AsyncDisposable {
  readonly host: string
  readonly #server: Server
  readonly #open = new Set<Socket>()
  #isUp = true

  private constructor(server: Server) {
    this.#server = server
    this.host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async open(socketPath: string): Promise<TcpRelay> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const relay = new TcpRelay(server)
    server.on('connection', (socket) => relay.#connect(socket, socketPath))
    return relay
  }

  /** While false, connections break, those that are open too. */
  set isUp(isUp: boolean) {
    this.#isUp = isUp
    if (!isUp) for (const socket of this.#open) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isUp = false
    this.#server.close()
    await once(this.#server, 'close')
  }

  #connect(socket: Socket, socketPath: string): void {
    if (!this.#isUp) return void socket.destroy()
    const upstream = connect({ path: socketPath, allowHalfOpen: true })
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      upstream.destroy()
    })
    for (const stream of [socket, upstream]) stream.on('error', () => socket.destroy())
    upstream.once('close', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  }
}
