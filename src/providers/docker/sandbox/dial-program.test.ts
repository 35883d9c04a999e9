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

/** Of what the program says, the first two bytes. */
async function connected({ stderr }: ChildProcessWithoutNullStreams): Promise<readonly number[]> {
  const said: number[] = []
  while (said.length < 2) said.push(...((await once(stderr, 'data')) as [Buffer])[0])
  return said
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
      assert.deepEqual(await connected(child), [trying, 0])
      const bytes = Buffer.alloc(3_000_000, 'abcdefgh\n')
      child.stdin.end(bytes)
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
    const address = addressOf(host, server)
    const child = program.start(address)
    assert.deepEqual(await connected(child), [trying, 0])
    child.stdin.write('x')
    assert.deepEqual([...(await buffer(child.stderr))], [reset])
    server.close()
    await once(server, 'close')
    assert.deepEqual([...(await buffer(program.start(address).stderr))], [trying, refused])
  })

  test(`with its input it ends where that was asked for, on ${architecture}`, options, async () => {
    using program = new Program(architecture)
    const host = '127.0.0.1'
    const sockets: Socket[] = []
    const server = await listen(host, (socket) => void sockets.push(socket.resume()))
    const child = program.start(addressOf(host, server), 'x')
    assert.deepEqual(await connected(child), [trying, 0])
    child.stdin.end()
    assert.deepEqual(await once(child, 'exit'), [0, null])
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}

test('other machines have no such program', () => {
  assert.equal(dialProgram('riscv64'), undefined)
})
