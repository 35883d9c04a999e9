// SPDX-License-Identifier: Apache-2.0
// The controllers of the embedded control plane, each with an identity of its own. The names are those
// of Kubernetes' controllers, which events and audit trails show.
import type { Resource } from '../kube/resources.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { maySigner } from './admission/certificates.ts'
import { startQuotaStatus } from './admission/quota-status.ts'
import type { ApiCore } from './api/api-core.ts'
import { localClusterApi } from './api/local-cluster-api.ts'
import type { StartController } from './controllers/cluster-api.ts'
import { startCronJobController } from './controllers/cronjob/cronjob-controller.ts'
import { startDaemonSetController } from './controllers/daemonset/daemonset-controller.ts'
import { startCsrApprover } from './controllers/certificates/csr-approver.ts'
import type { CsrApproverOptions } from './controllers/certificates/csr-approver.ts'
import { startCsrCleaner } from './controllers/certificates/csr-cleaner.ts'
import { startCsrSigner } from './controllers/certificates/csr-signer.ts'
import type { CsrSignerOptions } from './controllers/certificates/csr-signer.ts'
import { startDisruptionController } from './controllers/disruption/disruption-controller.ts'
import { startStaleDisruptionController } from './controllers/disruption/stale-disruption-controller.ts'
import { startEndpointSliceController } from './controllers/endpoints/endpoint-slice-controller.ts'
import { startEndpointsController } from './controllers/endpoints/endpoints-controller.ts'
import { startEventsTtlController } from './controllers/events-ttl/events-ttl-controller.ts'
import { startStatefulSetController } from './controllers/statefulset/statefulset-controller.ts'
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
import { resourceAttributes } from './auth/authorizer.ts'
import type { User } from './auth/user.ts'
import type { AccessControl } from './auth/access-control.ts'
import type { Authority } from './certificates/authority.ts'
import { signerNames } from './certificates/signer-names.ts'
import { apiVersionOf, resourceDefinitions } from './resources/registry.ts'

export interface ControllersOptions {
  readonly core: ApiCore
  readonly authority: Authority
  /** Signs the kubelets' serving certificates. */
  readonly kubeletAuthority: Authority
  readonly access: AccessControl
  readonly hasScheduler: boolean
  /** Silence after which a node counts as lost; default 50 s. */
  readonly nodeGraceMs?: number | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** What their events name as the source, where it is not their own name. */
const eventSources: Readonly<Record<string, string>> = {
  'disruption-controller': 'controllermanager',
}

/** Starts them all; disposing of what it returns stops them. */
export function startControllers(options: ControllersOptions): AsyncDisposable {
  const { core, clock, log } = options
  const stack = new AsyncDisposableStack()
  for (const [controller, start] of controllers(options)) {
    const own = log.child({ controller })
    const { [controller]: eventSource = controller } = eventSources
    const api = localClusterApi(core, { controller, eventSource, log: own })
    stack.use(start({ api, clock, log: own }))
  }
  stack.use(startQuotaStatus({ store: core.store, clock }))
  return stack
}

function controllers(options: ControllersOptions): readonly [string, StartController][] {
  const { authority, access, hasScheduler, nodeGraceMs: graceMs } = options
  const lifecycle = graceMs === undefined ? {} : { graceMs, periodMs: Math.min(5000, graceMs / 8) }
  const caPem = authority.certificate
  const resources = storedResources()
  const scheduler: StartController = (context) => startScheduler(context)
  return [
    ...(hasScheduler ? [['default-scheduler', scheduler] as [string, StartController]] : []),
    ['service-account-controller', startServiceAccountController],
    ['root-ca-cert-publisher', (context) => startRootCaPublisher(context, { caPem })],
    ['namespace-controller', (context) => startNamespaceController(context, { resources })],
    ['generic-garbage-collector', (context) => startGarbageCollector(context, { resources })],
    ['node-controller', (context) => startNodeLifecycleController(context, lifecycle)],
    ['taint-eviction-controller', startTaintEvictionController],
    ['pod-garbage-collector', (context) => startPodGcController(context)],
    ['replicaset-controller', startReplicaSetController],
    ['deployment-controller', startDeploymentController],
    ['job-controller', startJobController],
    ['cronjob-controller', startCronJobController],
    ['statefulset-controller', startStatefulSetController],
    ['daemonset-controller', startDaemonSetController],
    ['disruption-controller', startDisruptionController],
    ['disruption-controller', startStaleDisruptionController],
    ['endpoint-controller', startEndpointsController],
    ['endpointslice-controller', startEndpointSliceController],
    ['event-ttl-controller', (context) => startEventsTtlController(context)],
    ['certificate-controller', (context) => startCsrApprover(context, approvalRights(access))],
    ['certificate-controller', (context) => startCsrSigner(context, { sign: signing(options) })],
    ['certificate-controller', (context) => startCsrCleaner(context)],
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

/** The rights by which nodes' certificates are approved, as a SubjectAccessReview would find them. */
function approvalRights({ authorizer }: AccessControl): CsrApproverOptions {
  const resource = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' }
  const may = (user: User, verb: string, subresource: string): boolean =>
    authorizer.authorize(user, resourceAttributes({ verb, ...resource, subresource })).allowed
  const signer = { verb: 'approve', signerName: signerNames.kubeletServing, authorizer } as const
  return {
    mayCreate: (user, right) => may(user, 'create', right),
    mayApproveServing: (user) => may(user, 'update', 'approval') && maySigner(user, signer),
  }
}

function signing({ authority, kubeletAuthority }: ControllersOptions): CsrSignerOptions['sign'] {
  return async (pem, terms) => {
    const isServing = terms.signerName === signerNames.kubeletServing
    return await (isServing ? kubeletAuthority : authority).signCsr(pem, terms)
  }
}
