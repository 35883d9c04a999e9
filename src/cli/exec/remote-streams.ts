// SPDX-License-Identifier: Apache-2.0
// The client's half of exec over WebSocket, in the API's protocols v5 and v4: each message is a channel
// and data, the last one of the error channel says how the command ended. Whoever reads or writes slowly
// holds the other side up; nothing is kept in between.
import type { IncomingMessage } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { answerToError } from '../../kube/api-answer.ts'
import { ApiError } from '../../kube/api-error.ts'
import type { ClusterConnection } from '../../kube/cluster-connection.ts'
import type { Identity } from '../../kube/credentials.ts'
import type { Status } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import { onceWritable } from '../../util/once-writable.ts'
import { UserError, VkError, messageOf } from '../../util/vk-error.ts'
import { userAgent } from '../version.ts'

export interface RemoteStreams {
  /** Left out: the command gets no input. */
  readonly stdin?: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface RemoteRequest {
  /** Path and query below the API server's address. */
  readonly path: string
  readonly streams: RemoteStreams
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Called once streams flow; what it is given tells the command of the terminal's size. */
  readonly onOpen?: (resize: (size: TerminalSize) => void) => void
}

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
const handshakeTimeoutMs = 30_000
const pingMs = 5000
const silenceMs = 61_000
const maxRefusal = 1000

/** Runs until the command has ended; resolves with the Status that says how. */
export async function runRemote(
  connection: ClusterConnection,
  request: RemoteRequest,
): Promise<Status> {
  if (connection.proxyUrl !== undefined) {
    throw new UserError(`Cannot exec through the proxy of ${connection.source}`, {
      hint: 'Use kubectl exec, or a kubeconfig whose server can be reached directly.',
    })
  }
  const socket = await openSocket(connection, request)
  return await new RemoteSession(socket, request).run()
}

async function openSocket(
  connection: ClusterConnection,
  request: RemoteRequest,
): Promise<WebSocket> {
  const identity = await connection.credentials.identity()
  try {
    return await connect(connection, { ...request, identity })
  } catch (error) {
    const isUnknown = error instanceof VkError && error.code === 'Unauthorized'
    if (!isUnknown || !(await connection.credentials.renew(identity))) throw error
    const renewed = await connection.credentials.identity()
    return await connect(connection, { ...request, identity: renewed })
  }
}

async function connect(
  connection: ClusterConnection,
  { path, signal, identity }: RemoteRequest & { readonly identity: Identity },
): Promise<WebSocket> {
  signal.throwIfAborted()
  const url = `${connection.server.replace(/^http/, 'ws')}${path}`
  const socket = new WebSocket(url, protocols, socketOptions(connection, identity))
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const onAbort = (): void => socket.terminate()
  signal.addEventListener('abort', onAbort)
  socket.on('open', () => {
    // Nobody listens to messages yet: they wait in the connection.
    socket.pause()
    resolve(socket)
  })
  socket.on('error', (error) => reject(signal.aborted ? signal.reason : unreachable(error)))
  socket.on('unexpected-response', (_request, response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('end', () => {
      reject(refusalOf(response, Buffer.concat(parts).toString('utf8')))
      socket.terminate()
    })
  })
  return await promise
}

function socketOptions({ tls, headers }: ClusterConnection, identity: Identity): ClientOptions {
  const { token, certificate } = identity
  const own: Record<string, string | string[]> = { 'user-agent': userAgent }
  if (token !== undefined) own['authorization'] = `Bearer ${token}`
  for (const [name, value] of headers) own[name] = [...[own[name] ?? []].flat(), value]
  return {
    headers: own as Record<string, string>,
    handshakeTimeout: handshakeTimeoutMs,
    perMessageDeflate: false,
    rejectUnauthorized: !tls.isInsecure,
    ...(tls.caPem !== undefined && { ca: tls.caPem }),
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(certificate && { cert: certificate.certificatePem, key: certificate.keyPem }),
  }
}

/** The API server passes on what a kubelet says, and kubelets say it in plain text. */
function refusalOf({ statusCode: status = 0, headers }: IncomingMessage, body: string): ApiError {
  const isPlain = /^text\/plain\b/.test(headers['content-type'] ?? '')
  if (!isPlain || body.trim() === '') return answerToError({ status, headers, body }, 'exec')
  return new ApiError(status, `Cannot exec: ${body.trim().slice(0, maxRefusal)} (${status})`)
}

function unreachable(error: Error): VkError {
  return new VkError('Unavailable', `Cannot exec: ${messageOf(error)}`, { cause: error })
}

/** An open connection until its end. */
class RemoteSession {
  readonly #socket: WebSocket
  readonly #request: RemoteRequest
  readonly #statusParts: Buffer[] = []
  readonly #ended = Promise.withResolvers<void>()
  #heardMs: number
  #writing = Promise.resolve()

  constructor(socket: WebSocket, request: RemoteRequest) {
    this.#socket = socket
    this.#request = request
    this.#heardMs = request.clock.monotonicMs()
  }

  async run(): Promise<Status> {
    const socket = this.#socket
    const { signal, streams } = this.#request
    const onAbort = (): void => socket.terminate()
    signal.addEventListener('abort', onAbort)
    socket.on('message', (data: Buffer) => this.#receive(data))
    socket.on('pong', () => this.#hear())
    socket.on('close', () => this.#ended.resolve())
    socket.resume()
    using _pulse = this.#beat()
    this.#request.onOpen?.(({ columns: Width, rows: Height }) => {
      this.#send(channels.resize, Buffer.from(JSON.stringify({ Width, Height }))).catch(() => {
        // The stream ends just now, and with it the terminal's size.
      })
    })
    if (streams.stdin) void this.#pump(streams.stdin)
    await this.#ended.promise
    await this.#writing
    signal.removeEventListener('abort', onAbort)
    streams.stdin?.destroy()
    signal.throwIfAborted()
    return this.#status()
  }

  #receive(data: Buffer): void {
    this.#hear()
    const [channel] = data
    const content = data.subarray(1)
    if (channel === undefined || content.length === 0) return
    const { stdout, stderr } = this.#request.streams
    if (channel === channels.error) this.#statusParts.push(content)
    if (channel === channels.stdout) this.#write(stdout, content)
    if (channel === channels.stderr) this.#write(stderr, content)
  }

  #write(out: Writable, content: Buffer): void {
    if (out.write(content)) return
    this.#socket.pause()
    const drained = Promise.withResolvers<void>()
    onceWritable(out, () => {
      this.#socket.resume()
      drained.resolve()
    })
    this.#writing = this.#writing.then(() => drained.promise)
  }

  async #pump(stdin: Readable): Promise<void> {
    try {
      for await (const piece of stdin) await this.#send(channels.stdin, Buffer.from(piece))
      if (this.#socket.protocol === protocols[0]) {
        await this.#send(channels.close, Buffer.from([channels.stdin]))
      }
    } catch {
      // The command has ended, or our input has: what follows from it is in the Status.
    }
  }

  async #send(channel: number, content: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const message = Buffer.concat([Buffer.from([channel]), content])
    this.#socket.send(message, { binary: true }, (error) => {
      if (error) reject(error)
      else resolve()
    })
    await promise
  }

  #hear(): void {
    this.#heardMs = this.#request.clock.monotonicMs()
  }

  /** Asks for a sign of life, and ends a connection that gives none. */
  #beat(): Disposable {
    const { clock } = this.#request
    let timer: Disposable | undefined
    const next = (): void => {
      if (clock.monotonicMs() - this.#heardMs > silenceMs) this.#socket.terminate()
      else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping()
      timer = clock.setTimer(pingMs, next)
    }
    timer = clock.setTimer(pingMs, next)
    return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() }
  }

  #status(): Status {
    const text = Buffer.concat(this.#statusParts).toString('utf8')
    try {
      return JSON.parse(text) as Status
    } catch {
      // No Status, or one that was cut: the connection broke before the command had ended.
      throw new VkError('Unavailable', 'Cannot exec: the connection ended before the command did')
    }
  }
}
