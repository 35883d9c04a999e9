// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import * as tls from 'node:tls'
import { readDirectly } from './direct-reading.ts'

/** Both ends of a connection; the accepted one is first. */
async function pair(): Promise<readonly [Socket, Socket, Disposable]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect({ port: portOf(server), host: '127.0.0.1' })
  const [socket] = await accepted
  return [socket, client, ending(socket, client, server)]
}

/** The same over TLS, with a key that both know instead of a certificate. */
async function tlsPair(): Promise<readonly [Socket, Socket, Disposable]> {
  const psk = Buffer.alloc(16, 'key')
  const both = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const
  const server = tls.createServer({ ...both, pskCallback: () => psk }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[Socket]>
  const client = tls.connect({
    ...both,
    port: portOf(server),
    host: '127.0.0.1',
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity: 'test' }),
  })
  const [socket] = await accepted
  return [socket, client, ending(socket, client, server)]
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function ending(socket: Socket, client: Socket, server: Server): Disposable {
  return {
    [Symbol.dispose]() {
      socket.destroy()
      client.destroy()
      server.close()
    },
  }
}

/** Collects what comes, and tells who waits. */
class Taken {
  readonly directly: Buffer[] = []
  readonly queued: string[] = []
  #wake = Promise.withResolvers<void>()

  take(bytes: Buffer): void {
    this.directly.push(Buffer.from(bytes))
    this.#wake.resolve()
  }

  text(): string {
    return Buffer.concat(this.directly).toString()
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      this.#wake = Promise.withResolvers()
      await this.#wake.promise
    }
  }
}

for (const [name, open] of [
  ['TCP', pair],
  ['TLS', tlsPair],
] as const) {
  test(`${name}: all that comes is read into one buffer, which this version of Node allows`, async () => {
    const [socket, client, ends] = await open()
    using _ = ends
    const taken = new Taken()
    const memory = new Set<ArrayBufferLike>()
    const reading = readDirectly(socket, (bytes) => {
      memory.add(bytes.buffer)
      taken.take(bytes)
    })
    assert.notEqual(reading, undefined)
    const ended = once(socket, 'end')
    socket.on('data', (bytes: Buffer) => taken.queued.push(bytes.toString()))
    socket.resume()
    client.write('a')
    await taken.until(() => taken.text() === 'a')
    client.end(Buffer.alloc(300_000, 'b'))
    await ended
    assert.equal(taken.text(), `a${'b'.repeat(300_000)}`)
    assert.equal(memory.size, 1)
    assert.deepEqual(taken.queued, [])
  })
}

test('what waited in the socket comes first, and as data', async () => {
  const [socket, client, ends] = await pair()
  using _ = ends
  const taken = new Taken()
  client.write('behind')
  socket.unshift(Buffer.from('before'))
  readDirectly(socket, (bytes) => {
    taken.queued.push('directly')
    taken.take(bytes)
  })
  socket.on('data', (bytes: Buffer) => taken.queued.push(bytes.toString()))
  socket.resume()
  await taken.until(() => taken.text() === 'behind')
  assert.equal(taken.queued[0], 'before')
})

test('a pause stops it, and resuming loses nothing', async () => {
  const [socket, client, ends] = await pair()
  using _ = ends
  const taken = new Taken()
  let isPaused = false
  readDirectly(socket, (bytes) => {
    assert.equal(isPaused, false)
    taken.take(bytes)
    socket.pause()
    isPaused = true
  })
  socket.on('data', () => {})
  socket.resume()
  const size = 1_000_000
  client.write(Buffer.alloc(size, 'x'))
  const length = (): number => taken.directly.reduce((sum, piece) => sum + piece.length, 0)
  for (let seen = 0; seen < size; seen = length()) {
    await taken.until(() => length() > seen)
    // Time for a read that must not come.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    isPaused = false
    socket.resume()
  }
})

test('after its end nothing is taken any more', async () => {
  const [socket, client, ends] = await pair()
  using _ = ends
  const taken = new Taken()
  const reading = readDirectly(socket, (bytes) => taken.take(bytes))
  socket.on('data', () => {})
  socket.resume()
  client.write('a')
  await taken.until(() => taken.text() === 'a')
  reading?.[Symbol.dispose]()
  const ended = once(socket, 'end')
  client.end('b')
  await ended
  assert.equal(taken.text(), 'a')
})

test('what is no socket is left alone', () => {
  assert.equal(
    readDirectly(new PassThrough(), () => assert.fail()),
    undefined,
  )
})
