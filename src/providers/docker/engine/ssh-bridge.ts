// SPDX-License-Identifier: Apache-2.0
// The way to an engine over ssh: a socket of ours, each connection to which is one `ssh … docker system
// dial-stdio`, as Docker's command line does it. The user's own ssh does the rest: his configuration, agent
// and known hosts count, and a host whose key is not known is refused.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withPipes } from '../../../util/child-pipes.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { EngineEndpoint } from './engine-endpoint.ts'

/** A socket that leads to the engine until it is disposed. */
export interface SshBridge extends AsyncDisposable {
  readonly path: string
  /** What ssh said last; tells why connections break. */
  lastWords(): string
}

const maxWords = 500

/** Opens the socket; nothing is connected before somebody connects to it. */
export async function openSshBridge(
  endpoint: Extract<EngineEndpoint, { kind: 'ssh' }>,
): Promise<SshBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'vk-engine-'))
  const path = join(folder, 'engine.sock')
  const open = new Set<Socket>()
  let words = ''
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    const tell = (text: string): void => {
      words = (words + text).slice(-maxWords)
    }
    try {
      connect(socket, endpoint, tell)
    } catch (error) {
      tell(`${messageOf(error)}\n`)
      socket.destroy()
    }
  })
  server.listen(path)
  await once(server, 'listening')
  server.unref()
  return {
    path,
    lastWords: () => words.trim().split('\n').at(-1) ?? '',
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Arguments of ssh for one connection. */
export function sshArguments({
  target,
  port,
  path,
}: Pick<Extract<EngineEndpoint, { kind: 'ssh' }>, 'target' | 'port' | 'path'>): readonly string[] {
  const program = path === '' ? ['docker'] : ['docker', '--host', `unix://${path}`]
  return [
    '-oBatchMode=yes',
    '-oConnectTimeout=30',
    '-oServerAliveInterval=15',
    ...(port === undefined ? [] : ['-p', port]),
    '-T',
    '--',
    target,
    ...program,
    'system',
    'dial-stdio',
  ]
}

function connect(
  socket: Socket,
  endpoint: Extract<EngineEndpoint, { kind: 'ssh' }>,
  tell: (text: string) => void,
): void {
  const ssh = withPipes(spawn('ssh', sshArguments(endpoint), { stdio: ['pipe', 'pipe', 'pipe'] }))
  ssh.stderr.setEncoding('utf8').on('data', tell)
  ssh.on('error', (error) => {
    tell(`${error.message}\n`)
    socket.destroy()
  })
  ssh.once('exit', () => socket.end())
  socket.once('close', () => ssh.kill())
  // Either side may go first; the other one's close says so.
  for (const stream of [socket, ssh.stdin, ssh.stdout]) stream.on('error', () => socket.destroy())
  socket.pipe(ssh.stdin)
  ssh.stdout.pipe(socket)
}
