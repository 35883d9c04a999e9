// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { openDeafPort } from '../../../../test/support/deaf-port.ts'
import { socketAddress } from '../streams/socket-address.ts'
import { dialProgram } from './dial-program.ts'

const own = process.arch === 'x64' ? 'amd64' : process.arch
/** Runs the other machine's programs, where it is installed. */
const emulator = 'qemu-aarch64'
const emulated = spawnSync(emulator, ['--version']).error ? [] : ['arm64']
const trying = 255
const refused = 111
const reset = 104

/** The program of one architecture, on this machine. */
class Program implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vk-dial-'))
  readonly #command: readonly string[]

  constructor(architecture: string) {
    const path = join(this.#folder, 'dial')
    writeFileSync(path, dialProgram(architecture) ?? assert.fail(), { mode: 0o755 })
    this.#command = architecture === own ? [path] : [emulator, path]
  }

  start(...args: readonly string[]): ChildProcessWithoutNullStreams {
    const [command = '', ...more] = this.#command
    return spawn(command, [...more, ...args])
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}

async function listen(host: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onConnection).listen(0, host)
  await once(server, 'listening')
  return server
}

const addressOf = (host: string, server: Server): string =>
  socketAddress({ host, port: (server.address() as AddressInfo).port })

/** Of what the program says, the next bytes. */
async function says(
  { stderr }: ChildProcessWithoutNullStreams,
  count: number,
): Promise<readonly number[]> {
  const said: number[] = []
  while (said.length < count) said.push(...((await once(stderr, 'data')) as [Buffer])[0])
  return said
}

/** What a client sends, as the program takes it; nothing is the end. */
function piece(bytes: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.of(bytes.length & 255, bytes.length >> 8), bytes])
}

for (const architecture of [own, ...emulated.filter((name) => name !== own)]) {
  const options = { skip: process.platform !== 'linux' || !dialProgram(architecture) }

  test(`bytes go both ways, and so do their ends, on ${architecture}`, options, async () => {
    using program = new Program(architecture)
    for (const host of ['127.0.0.1', '::1']) {
      const server = await listen(host, (socket) => socket.pipe(socket)).catch(() => undefined)
      // Not every machine has the other family.
      if (!server && host === '::1') continue
      assert.ok(server)
      const child = program.start(addressOf(host, server))
      const back = buffer(child.stdout)
      assert.deepEqual(await says(child, 2), [trying, 0])
      const bytes = Buffer.alloc(3_000_000, 'abcdefgh\n')
      // Of any size, the largest too, and the pipe cuts them anew.
      for (let at = 0, size = 1; at < bytes.length; at += size, size = Math.min(3 * size, 65_535)) {
        child.stdin.write(piece(bytes.subarray(at, at + size)))
      }
      child.stdin.write(piece())
      assert.ok((await back).equals(bytes))
      server.close()
    }
  })

  test(`it says why it cannot connect, and how it ended, on ${architecture}`, options, async () => {
    using program = new Program(architecture)
    const host = '127.0.0.1'
    const server = await listen(host, (socket) =>
      socket.once('data', () => socket.resetAndDestroy()),
    )
    const child = program.start(addressOf(host, server))
    assert.deepEqual(await says(child, 2), [trying, 0])
    child.stdin.write(piece(Buffer.from('x')))
    assert.deepEqual([...(await buffer(child.stderr))], [reset])
    server.close()
    // Nobody is ever given this one by chance.
    const { stderr } = program.start(socketAddress({ host, port: 1 }))
    assert.deepEqual([...(await buffer(stderr))], [trying, refused])
  })

  test(
    `it ends with its client, whatever the other side does, on ${architecture}`,
    options,
    async () => {
      using program = new Program(architecture)
      const host = '127.0.0.1'
      const sockets: Socket[] = []
      const server = await listen(host, (socket) => void sockets.push(socket.resume()))
      const child = program.start(addressOf(host, server))
      assert.deepEqual(await says(child, 2), [trying, 0])
      child.stdin.end(Buffer.concat([piece(Buffer.from('x')), piece()]))
      assert.deepEqual(await once(child, 'exit'), [0, null])
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  )

  test(`it ends with its client while it connects, on ${architecture}`, options, async () => {
    using program = new Program(architecture)
    await using deaf = await openDeafPort()
    const address = socketAddress({ host: '127.0.0.1', port: deaf.port })
    const child = program.start(address)
    assert.deepEqual(await says(child, 1), [trying])
    child.stdin.end()
    assert.deepEqual(await once(child, 'exit'), [0, null])
    // Also one that leaves before it has begun.
    const next = program.start(address)
    next.stdin.end()
    assert.deepEqual(await once(next, 'exit'), [0, null])
  })
}

test('other machines have no such program', () => {
  assert.equal(dialProgram('riscv64'), undefined)
})
