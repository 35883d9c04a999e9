// SPDX-License-Identifier: Apache-2.0
// The controllers of the embedded control plane, each with an identity of its own.
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { ApiCore } from './api/api-core.ts'
import { localClusterApi } from './api/local-cluster-api.ts'
import type { AccessControl } from './auth/access-control.ts'
import type { Authority } from './certificates/authority.ts'
import type { ControllerContext, StartController } from './controllers/cluster-api.ts'
import { startReplicaSetController } from './controllers/replicaset/replicaset-controller.ts'
import { startScheduler } from './controllers/scheduler/scheduler.ts'

export interface ControllersOptions {
  readonly core: ApiCore
  readonly access: AccessControl
  readonly authority: Authority
  readonly clock: Clock
  readonly log: Logger
}

/** Starts them all; disposing of what it returns stops them. */
export function startControllers(options: ControllersOptions): AsyncDisposable {
  const { core, clock, log } = options
  const resources = new AsyncDisposableStack()
  for (const [controller, start] of controllers()) {
    const childLog = log.child({ controller })
    const api = localClusterApi(core, { controller, log: childLog })
    const context: ControllerContext = { api, clock, log: childLog }
    resources.use(start(context))
  }
  return resources
}

function controllers(): readonly (readonly [string, StartController])[] {
  return [
    ['default-scheduler', (context) => startScheduler(context)],
    ['replicaset-controller', startReplicaSetController],
  ]
}
