// SPDX-License-Identifier: Apache-2.0
// A port that whoever connects to it waits for in vain: the kernel answers nothing, because the queue of a server
// that takes nobody is full.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const host = '127.0.0.1'
const backlog = 1
const server = `
const server = require('node:net').createServer().listen({ port: 0, host: '${host}', backlog: ${backlog} }, () => {
  require('node:fs').writeSync(1, server.address().port + '\\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** Open until it is disposed. */
export async function openDeafPort(): Promise<AsyncDisposable & { readonly port: number }> {
  const child = spawn(process.execPath, ['-e', server], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const said = createInterface(child.stdout)[Symbol.asyncIterator]()
  const port = Number((await said.next()).value)
  // Linux lets one more in than it was told.
  const waiting = Array.from({ length: backlog + 1 }, () => connect({ host, port }))
  for (const socket of waiting) await once(socket, 'connect')
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.on('error', () => {}).destroy()
      child.kill('SIGKILL')
      await ended
    },
  }
}
