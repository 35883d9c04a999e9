// SPDX-License-Identifier: Apache-2.0
//
// The engine as one of another machine: its socket behind a TCP port on loopback. What is reached so shares no
// files with us, as far as the provider can know.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, before } from 'node:test'
import type { ConformanceOptions } from '../../src/testing/conformance-options.ts'
import { ProviderFixture } from '../../src/testing/provider-fixture.ts'
import type { TestEngine } from './use-engine.ts'

/** An engine elsewhere while the tests of a `describe` run. */
export interface Elsewhere {
  readonly relay: TcpRelay
  /** What opens the provider on it. */
  options(config?: object): ConformanceOptions
  /** Opens it. */
  open(config?: object): Promise<ProviderFixture>
}

/** For the tests of the `describe` in which it is called. */
export function useElsewhere(engine: TestEngine): Elsewhere {
  let relay: TcpRelay | undefined
  before(async () => {
    relay = await TcpRelay.open(engine.daemon.socket)
  })
  after(async () => await relay?.[Symbol.asyncDispose]())
  return {
    get relay() {
      return relay ?? assert.fail('the engine is there while its tests run')
    },
    options(config = {}) {
      return engine.options({ host: this.relay.host, ...config })
    },
    open(config = {}) {
      return ProviderFixture.open(this.options(config))
    },
  }
}

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
