// SPDX-License-Identifier: Apache-2.0
// tcpSocket: success is that somebody accepts the connection.
import { connect } from 'node:net'
import type { TCPSocketAction } from '../../kube/types.gen.ts'
import { dialErrorText, dialTimeoutText } from './dial-error.ts'
import type { DialTarget, PodDial } from './pod-dial.ts'
import { ProbeError, ProbeTimeout } from './probe-order.ts'
import type { ProbeAnswer, ProbeOrder } from './probe-order.ts'
import { resolveHost, resolvePort } from './resolve-port.ts'

/** Rejects with a ProbeError when the probe cannot be made, or with the signal's reason. */
export async function probeTcp(
  action: TCPSocketAction,
  { spec, podIP }: ProbeOrder,
  { signal, dial }: { readonly signal: AbortSignal; readonly dial: PodDial },
): Promise<ProbeAnswer> {
  const target = targetOf(action, { spec, podIP })
  try {
    await tryTo(target, { signal, dial })
    return { result: 'success', output: '' }
  } catch (error) {
    if (error instanceof ProbeTimeout) {
      return { result: 'failure', output: dialTimeoutText(target) }
    }
    if (signal.aborted || error instanceof ProbeError) throw error
    return { result: 'failure', output: dialErrorText(error, target) }
  }
}

function targetOf(
  { host, port }: TCPSocketAction,
  { spec, podIP }: Pick<ProbeOrder, 'spec' | 'podIP'>,
): DialTarget {
  try {
    return { host: resolveHost(host, podIP), port: resolvePort(port, spec) }
  } catch (error) {
    throw new ProbeError((error as Error).message)
  }
}

async function tryTo(
  target: DialTarget,
  { signal, dial }: { readonly signal: AbortSignal; readonly dial: PodDial },
): Promise<void> {
  signal.throwIfAborted()
  const dialed = dial(target, signal)
  if (dialed) return void (await dialed).destroy()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect(target, resolve)
  socket.on('error', reject)
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}
