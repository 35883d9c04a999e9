// SPDX-License-Identifier: Apache-2.0
// The listener of --metrics-addr. What it tells is for everybody on this machine; on any other address
// it speaks TLS and asks for the same rights as the kubelet API.
import { BlockList, isIP } from 'node:net'
import type { Metrics } from '../observe/metrics.ts'
import type { Logger } from '../util/logger.ts'
import { UserError } from '../util/vk-error.ts'
import { dispatchTo } from './dispatch.ts'
import { Listener } from './listener.ts'
import type { ListenerLimits } from './listener.ts'
import { processMetricsRoute } from './routes/metrics.ts'
import type { KubeletSecurity } from './security.ts'

export interface MetricsServerOptions {
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  readonly metrics: Metrics
  /** Needed on addresses that others can reach. */
  readonly security?: KubeletSecurity
  readonly limits?: Partial<ListenerLimits>
  readonly log: Logger
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** Serves /metrics until it is disposed. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<Listener> {
  const { address, limits, log, metrics, port, security } = options
  const isPlain = isLoopback(address)
  if (!isPlain && !security) {
    throw new UserError(`Cannot serve metrics on "${address}": it is reachable from elsewhere`, {
      hint: 'Use 127.0.0.1, or switch the kubelet API on, whose TLS and rights then apply',
    })
  }
  const gate = isPlain ? undefined : security
  return await Listener.open(dispatchTo([processMetricsRoute(metrics)], gate?.gate), {
    name: 'the metrics endpoint',
    flag: '--metrics-addr',
    address,
    port,
    ...(gate && { tls: gate.tls }),
    ...(limits && { limits }),
    log,
  })
}

function isLoopback(address: string): boolean {
  if (isIP(address) === 0) return address === 'localhost'
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
