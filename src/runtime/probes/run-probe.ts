// SPDX-License-Identifier: Apache-2.0
// Makes one probe, with a few tries where it cannot be carried out, and a time limit for each try.
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf, VkError } from '../../util/vk-error.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import { probeExec } from './exec-probe.ts'
import { probeHttp } from './http-probe.ts'
import { podDial } from './pod-dial.ts'
import { ProbeError, ProbeTimeout } from './probe-order.ts'
import type { ProbeAnswer, ProbeOrder } from './probe-order.ts'
import { ProbeShell, type StartShell } from './probe-shell.ts'
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
  // The signal is the life of one probe of one run.
  const shells = new WeakMap<AbortSignal, ProbeShell>()
  const shellOf = (order: ProbeOrder, lifetime: AbortSignal): ProbeShell => {
    const shell = shells.get(lifetime) ?? new ProbeShell(shellStarter(order, tools), lifetime)
    shells.set(lifetime, shell)
    return shell
  }
  return async (order, signal) => {
    for (let tries = 1; ; tries++) {
      try {
        return await tryOnce(order, { tools, signal, shellOf })
      } catch (error) {
        if (signal.aborted) throw error
        if (tries < maxTries) continue
        throw error instanceof ProbeError ? error : new ProbeError(messageOf(error))
      }
    }
  }
}

interface Means {
  readonly tools: ProbeTools
  readonly signal: AbortSignal
  readonly shellOf: (order: ProbeOrder, lifetime: AbortSignal) => ProbeShell
}

async function tryOnce(order: ProbeOrder, { tools, signal, shellOf }: Means): Promise<ProbeAnswer> {
  signal.throwIfAborted()
  const limited = new AbortController()
  const onAbort = (): void => limited.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  using _timer = tools.clock.setTimer(order.timeoutMs, () => limited.abort(new ProbeTimeout()))
  try {
    const shell = (): ProbeShell => shellOf(order, signal)
    return await ask(order, { tools, signal: limited.signal, shell })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function ask(
  order: ProbeOrder,
  { tools, signal, shell }: Omit<Means, 'shellOf'> & { readonly shell: () => ProbeShell },
): Promise<ProbeAnswer> {
  const { exec, httpGet, tcpSocket, grpc } = order.probe
  if (exec) return await probeExec(exec, order, { ...tools, signal, shell: shell() })
  const { podIP, key } = order
  const way = { signal, dial: podDial(tools, { pod: key.pod, podIP }) }
  if (httpGet) return await probeHttp(httpGet, order, way)
  if (tcpSocket) return await probeTcp(tcpSocket, order, way)
  if (grpc) {
    const { probeGrpc } = await import('./grpc-probe.ts')
    return await probeGrpc(grpc, order, way)
  }
  const { namespace, name, uid } = order.key.pod
  throw new ProbeError(`missing probe handler for ${name}_${namespace}(${uid}):${order.spec.name}`)
}

function shellStarter({ key, pod, spec }: ProbeOrder, { runtime, log }: ProbeTools): StartShell {
  return async (signal) => {
    if (!runtime.exec)
      throw new VkError('Unsupported', 'this runtime runs no commands in containers')
    const choice = { stdin: true, stdout: true, stderr: true, tty: false }
    return await runtime.exec(key, { ...choice, command: ['sh'], pod, spec }, { signal, log })
  }
}
