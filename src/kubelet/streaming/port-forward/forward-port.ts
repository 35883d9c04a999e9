// SPDX-License-Identifier: Apache-2.0
// Joins one forwarded connection to a port of the pod. Either side may end its half and go on reading.
import { finished } from 'node:stream/promises'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { PortConnection } from '../../../provider/streams.ts'
import { messageOf } from '../../../util/vk-error.ts'

/** The pod and how to reach its ports. */
export interface PortTarget {
  readonly podName: string
  readonly podUid: string
  /** The connection ends when the signal aborts. */
  connect(port: number, signal: AbortSignal): Promise<PortConnection>
}

const clientGone = new DOMException('The client ended the connection', 'AbortError')

/** One forwarded connection of a client. */
export interface ForwardedConnection {
  readonly port: number
  /** What the client sends, and where the answers go. */
  readonly input: Readable
  readonly output: Writable
  /** False: the client cannot end its half, so the end of the pod's ends both. */
  readonly halfCloses: boolean
  /** Ends it at once, both ways. */
  abandon(): void
}

/**
 * Copies both ways until both have ended. Resolves with what to tell the client when the port could not be
 * reached; what happens to a connection after that, both ends see for themselves.
 */
export async function forwardPort(
  client: ForwardedConnection,
  target: PortTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { halfCloses, input, output, port } = client
  const done = new AbortController()
  const giveUp = (): void => done.abort(clientGone)
  output.once('close', giveUp)
  try {
    const connection = await connect(client, target, AbortSignal.any([signal, done.signal]))
    output.off('close', giveUp)
    if (typeof connection === 'string') return connection
    if (output.destroyed) return abandoned(connection)
    input.pipe(connection)
    connection.pipe(output)
    if (!halfCloses) connection.once('end', () => connection.end())
    // Whoever breaks off takes the other side with them.
    connection.once('error', () => client.abandon())
    input.once('error', () => connection.destroy())
    output.once('error', () => connection.destroy())
    input.once('close', () => !input.readableEnded && connection.destroy())
    await Promise.all([ended(connection), ended(output, { readable: false })])
    return undefined
  } catch (error) {
    return failure(port, target, messageOf(error))
  } finally {
    done.abort()
  }
}

/** Of a client that left while it was made. */
function abandoned(connection: Duplex): undefined {
  connection.once('error', () => {})
  connection.destroy()
}

async function connect(
  { port }: ForwardedConnection,
  target: PortTarget,
  signal: AbortSignal,
): Promise<Duplex | string> {
  try {
    return await target.connect(port, signal)
  } catch (error) {
    return failure(port, target, messageOf(error))
  }
}

function failure(port: number, { podName, podUid }: PortTarget, why: string): string {
  return `error forwarding port ${port} to pod ${podName}, uid ${podUid}: ${why}`
}

/** However it ends, it has ended. */
async function ended(
  stream: Duplex | Writable,
  options: { readonly readable?: boolean } = {},
): Promise<void> {
  await finished(stream, options).catch(() => {})
}
