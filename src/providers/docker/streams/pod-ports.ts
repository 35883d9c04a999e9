// SPDX-License-Identifier: Apache-2.0
// Connections to a pod's ports: to its address where that can be reached; else, for a program that listens on
// loopback only, from inside of its network namespace; else through a command in one of its containers. On an engine
// elsewhere the address may be anybody's here: the pod's sandbox connects.
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { CallContext } from '../../../provider/provider.ts'
import type { PortConnection, ProcessStreams } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import { withPipes } from '../../../util/child-pipes.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'

export interface PodPorts {
  readonly podIPs: readonly string[]
  /** The sandbox's process, where that is on this machine and ours to enter. */
  readonly sandboxPid: number | undefined
  readonly clock: Clock
  /** Connects to an address as the pod's network has it; where it is, there is no other way. */
  readonly dial?: (host: string) => Promise<Duplex>
  /** Runs a command in one of the pod's running containers. */
  execInPod(command: readonly string[]): Promise<ProcessStreams>
}

const connectTimeoutMs = 3000
/** A relay that cannot connect has ended by then. */
const relayStartMs = 300

/** Relays between its standard streams and the port; says on its error stream how connecting went. */
const relayScript = `
const net = require('node:net')
const port = Number(process.argv[1])
const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
const input = new net.Socket({ fd: 0, readable: true, writable: false })
// Its end has to be seen at the other side, which process.stdout never lets happen.
const output = new net.Socket({ fd: 1, readable: false, writable: true })
for (const stream of [input, output]) stream.on('error', () => socket.destroy())
socket.once('connect', () => {
  process.stderr.write('connected\\n')
  input.pipe(socket)
  socket.pipe(output)
})
socket.once('error', (error) => {
  process.stderr.write((error.code ?? error.message) + '\\n', () => process.exit(1))
})
`

/** Programs that images often have; each connects its standard streams with the port. */
const relays = [
  (port: number) => ['socat', '-', `TCP4:127.0.0.1:${port}`],
  (port: number) => ['nc', '127.0.0.1', String(port)],
  (port: number) => ['busybox', 'nc', '127.0.0.1', String(port)],
]

/** Kubernetes' word for it, by which clients know it. */
const nobodyListens = 'connection refused: no process of the pod listens there'

/**
 * A connection; rejects with the reason when nobody listens or no way leads there, and with the signal's when that
 * aborts before. Nothing outlives the signal.
 */
export async function connectToPod(
  port: number,
  ports: PodPorts,
  { signal }: Pick<CallContext, 'signal'>,
): Promise<PortConnection> {
  const connection = await firstWay(port, { ports, signal })
  signal.addEventListener('abort', () => connection.destroy(), { once: true })
  if (signal.aborted) connection.destroy()
  return connection
}

interface Place {
  readonly ports: PodPorts
  readonly signal: AbortSignal
}

async function firstWay(port: number, place: Place): Promise<Duplex> {
  let why = 'the pod has no address'
  for (const way of waysTo(port, place)) {
    try {
      return await way()
    } catch (error) {
      place.signal.throwIfAborted()
      const isRefused = messageOf(error).includes('ECONNREFUSED')
      why = isRefused ? nobodyListens : messageOf(error)
    }
  }
  throw new VkError('Unavailable', `failed to connect to port ${port} of the pod: ${why}`)
}

function waysTo(port: number, { ports, signal }: Place): readonly (() => Promise<Duplex>)[] {
  const { podIPs, sandboxPid, dial } = ports
  const [address] = podIPs
  // A program may listen on the pod's address and not on loopback.
  if (dial) return ['127.0.0.1', ...podIPs].map((host) => () => dial(host))
  return [
    ...(address === undefined ? [] : [() => connectTo(address, port)]),
    sandboxPid === undefined
      ? () => relayThrough(ports, port)
      : () => enterAndConnect(sandboxPid, { port, signal }),
  ]
}

async function connectTo(host: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('no answer (ETIMEDOUT)')))
  socket.once('connect', () => {
    socket.setTimeout(0)
    resolve(socket)
  })
  // Later errors are the stream's own end.
  socket.on('error', reject)
  return await promise
}

/** A process of ours in the sandbox's network; the namespace stays the pod's, its files stay ours. */
async function enterAndConnect(
  pid: number,
  { port, signal }: { readonly port: number; readonly signal: AbortSignal },
): Promise<Duplex> {
  const relay = [process.execPath, '-e', relayScript, '--', String(port)]
  const child = withPipes(
    spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', ...relay], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {},
    }),
  )
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const connection = Duplex.from({ readable: child.stdout, writable: child.stdin })
  connection.on('error', () => {})
  connection.once('close', () => child.kill())
  const leave = (): void => void child.kill()
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text
    if (words.startsWith('connected\n')) resolve(connection)
  })
  child.once('error', reject)
  child.once('close', () => {
    signal.removeEventListener('abort', leave)
    reject(new Error(words.trim() || 'the relay ended'))
  })
  return await promise
}

async function relayThrough(ports: PodPorts, port: number): Promise<Duplex> {
  let why: unknown = new Error('no container of it runs')
  for (const relay of relays) {
    try {
      const { stdin, stdout, exited } = await ports.execInPod(relay(port))
      if (!stdin || !stdout) continue
      const end = await Promise.race([exited, ports.clock.sleep(relayStartMs)])
      if (end) {
        why = new Error(`${relay(port)[0]} ended with exit code ${end.exitCode}`)
        continue
      }
      return Duplex.from({ readable: stdout, writable: stdin })
    } catch (error) {
      why = error
    }
  }
  throw why
}
