// SPDX-License-Identifier: Apache-2.0
// Health of the process for whoever runs it (systemd, a pod's probes): plain HTTP, by default only on
// this machine. It tells names of checks and nothing else.
import type { Logger } from '../util/logger.ts'
import { dispatchTo } from './dispatch.ts'
import { withKubeletChecks } from './health.ts'
import type { HealthCheck } from './kubelet-node.ts'
import { Listener } from './listener.ts'
import type { ListenerLimits } from './listener.ts'
import { healthRoutes } from './routes/healthz.ts'

export interface HealthServerOptions {
  /** Default 127.0.0.1. */
  readonly address?: string
  /** Default 10248; a listener of its own needs no other. 0: any free one. */
  readonly port?: number
  /** Is the process alive? /healthz */
  readonly healthChecks: readonly HealthCheck[]
  /** Does it do its work? /readyz */
  readonly readinessChecks: readonly HealthCheck[]
  readonly limits?: Partial<ListenerLimits>
  readonly log: Logger
}

/** Serves /healthz and /readyz until it is disposed. */
export async function startHealthServer(options: HealthServerOptions): Promise<Listener> {
  const { address = '127.0.0.1', healthChecks, limits, log, port = 10248 } = options
  const { readinessChecks } = options
  const handle = dispatchTo([
    ...healthRoutes('healthz', withKubeletChecks(healthChecks)),
    ...healthRoutes('readyz', readinessChecks),
  ])
  return await Listener.open(handle, {
    name: 'the health endpoint',
    flag: '--healthz-port (0: none)',
    address,
    port,
    ...(limits && { limits }),
    log,
  })
}
