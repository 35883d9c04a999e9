// SPDX-License-Identifier: Apache-2.0
// The controllers of the embedded control plane, each with an identity of its own. The names are those
// of Kubernetes' controllers, which events and audit trails show.
import type { Resource } from '../kube/resources.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { ApiCore } from './api/api-core.ts'
import { localClusterApi } from './api/local-cluster-api.ts'
import type { StartController } from './controllers/cluster-api.ts'
import { startCronJobController } from './controllers/cronjob/cronjob-controller.ts'
import { startDaemonSetController } from './controllers/daemonset/daemonset-controller.ts'
import { startDeploymentController } from './controllers/deployment/deployment-controller.ts'
import { startGarbageCollector } from './controllers/garbage-collector/garbage-collector.ts'
import { startJobController } from './controllers/job/job-controller.ts'
import { startNamespaceController } from './controllers/namespaces/namespace-controller.ts'
import { startNodeLifecycleController } from './controllers/node-lifecycle/node-lifecycle-controller.ts'
import { startTaintEvictionController } from './controllers/node-lifecycle/taint-eviction-controller.ts'
import { startPodGcController } from './controllers/pod-gc/pod-gc-controller.ts'
import { startReplicaSetController } from './controllers/replicaset/replicaset-controller.ts'
import { startScheduler } from './controllers/scheduler/scheduler.ts'
import { startRootCaPublisher } from './controllers/service-accounts/root-ca-publisher.ts'
import { startServiceAccountController } from './controllers/service-accounts/service-account-controller.ts'
import { startStatefulSetController } from './controllers/statefulset/statefulset-controller.ts'
import { apiVersionOf, resourceDefinitions } from './resources/registry.ts'

export interface ControllersOptions {
  readonly core: ApiCore
  /** The cluster's authority, PEM. */
  readonly caPem: string
  readonly hasScheduler: boolean
  readonly clock: Clock
  readonly log: Logger
}

/** Starts them all; disposing of what it returns stops them. */
export function startControllers(options: ControllersOptions): AsyncDisposable {
  const { core, clock, log } = options
  const stack = new AsyncDisposableStack()
  for (const [controller, start] of controllers(options)) {
    const own = log.child({ controller })
    stack.use(start({ api: localClusterApi(core, { controller, log: own }), clock, log: own }))
  }
  return stack
}

function controllers(options: ControllersOptions): readonly [string, StartController][] {
  const { caPem, hasScheduler } = options
  const resources = storedResources()
  const scheduler: StartController = (context) => startScheduler(context)
  return [
    ...(hasScheduler ? [['default-scheduler', scheduler] as [string, StartController]] : []),
    ['service-account-controller', startServiceAccountController],
    ['root-ca-cert-publisher', (context) => startRootCaPublisher(context, { caPem })],
    ['namespace-controller', (context) => startNamespaceController(context, { resources })],
    ['generic-garbage-collector', (context) => startGarbageCollector(context, { resources })],
    ['node-controller', (context) => startNodeLifecycleController(context)],
    ['taint-eviction-controller', startTaintEvictionController],
    ['pod-garbage-collector', (context) => startPodGcController(context)],
    ['replicaset-controller', startReplicaSetController],
    ['deployment-controller', startDeploymentController],
    ['job-controller', startJobController],
    ['cronjob-controller', startCronJobController],
    ['statefulset-controller', startStatefulSetController],
    ['daemonset-controller', startDaemonSetController],
  ]
}

/** Every kind that is stored and can be deleted, each once. */
function storedResources(): readonly Resource<unknown>[] {
  const seen = new Set<string>()
  return resourceDefinitions.flatMap((definition) => {
    const { kind, plural, isNamespaced, storage, isVirtual, verbs } = definition
    if (isVirtual || !verbs.includes('delete') || seen.has(storage)) return []
    seen.add(storage)
    return [{ apiVersion: apiVersionOf(definition), kind, plural, isNamespaced }]
  })
}
