// SPDX-License-Identifier: Apache-2.0
// Makes one probe, with a few tries where it cannot be carried out, and a time limit for each try.
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import { probeExec } from './exec-probe.ts'
import { probeHttp } from './http-probe.ts'
import { ProbeError, ProbeTimeout } from './probe-order.ts'
import type { ProbeAnswer, ProbeOrder } from './probe-order.ts'
import { probeTcp } from './tcp-probe.ts'

export interface ProbeTools {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
}

/** Makes one probe; rejects with a ProbeError, or with the reason of the signal. */
export type RunProbe = (order: ProbeOrder, signal: AbortSignal) => Promise<ProbeAnswer>

const maxTries = 3

/** The one that really asks. */
export function probeRunner(tools: ProbeTools): RunProbe {
  return async (order, signal) => {
    for (let tries = 1; ; tries++) {
      try {
        return await tryOnce(order, { tools, signal })
      } catch (error) {
        if (signal.aborted) throw error
        if (tries < maxTries) continue
        throw error instanceof ProbeError ? error : new ProbeError(messageOf(error))
      }
    }
  }
}

async function tryOnce(
  order: ProbeOrder,
  { tools, signal }: { readonly tools: ProbeTools; readonly signal: AbortSignal },
): Promise<ProbeAnswer> {
  signal.throwIfAborted()
  const limited = new AbortController()
  const onAbort = (): void => limited.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  using _timer = tools.clock.setTimer(order.timeoutMs, () => limited.abort(new ProbeTimeout()))
  try {
    return await ask(order, { tools, signal: limited.signal })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function ask(
  order: ProbeOrder,
  { tools, signal }: { readonly tools: ProbeTools; readonly signal: AbortSignal },
): Promise<ProbeAnswer> {
  const { exec, httpGet, tcpSocket, grpc } = order.probe
  if (exec) return await probeExec(exec, order, { ...tools, signal })
  if (httpGet) return await probeHttp(httpGet, order, signal)
  if (tcpSocket) return await probeTcp(tcpSocket, order, signal)
  if (grpc) {
    const { probeGrpc } = await import('./grpc-probe.ts')
    return await probeGrpc(grpc, order, signal)
  }
  const { namespace, name, uid } = order.key.pod
  throw new ProbeError(`missing probe handler for ${name}_${namespace}(${uid}):${order.spec.name}`)
}
