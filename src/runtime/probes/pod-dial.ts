// SPDX-License-Identifier: Apache-2.0
// How probes and hooks reach a pod where its address leads nowhere from here: the runtime connects. A host that the
// pod names itself is asked from here, as a kubelet does it, unless it is the pod's own address.
import type { Duplex } from 'node:stream'
import type { PodRef } from '../../provider/provider.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import { ProbeError } from './probe-order.ts'

/** Where something connects to. */
export interface DialTarget {
  readonly host: string
  readonly port: number
}

/**
 * Connects; undefined: the caller does that itself. Rejects with the error of a socket or the signal's reason, and
 * with a ProbeError when it could not be tried. The caller destroys what it gets.
 */
export type PodDial = (target: DialTarget, signal: AbortSignal) => Promise<Duplex> | undefined

/** The way to one pod. */
export function podDial(
  { runtime, log }: { readonly runtime: ContainerRuntime; readonly log: Logger },
  { pod, podIP }: { readonly pod: PodRef; readonly podIP: string },
): PodDial {
  return ({ host, port }, signal) => {
    const dial = runtime.dial?.bind(runtime)
    if (!dial || host === '' || host !== podIP) return undefined
    return tell(() => dial(pod, { host, port }, { signal, log }), signal)
  }
}

async function tell(dial: () => Promise<Duplex>, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted()
  try {
    return await dial()
  } catch (error) {
    const isOwn = signal.aborted && error === signal.reason
    if (isOwn || (error as NodeJS.ErrnoException).syscall !== undefined) throw error
    throw new ProbeError(messageOf(error))
  }
}
