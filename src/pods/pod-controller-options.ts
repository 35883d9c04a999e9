// SPDX-License-Identifier: Apache-2.0
// What the pod loop of a node is given, and how it may be set up.
import type { EventRecorder } from '../kube/event-recorder.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { NodeFacts } from './admission.ts'
import type { FeatureCheck } from './judge-pod.ts'
import type { NodeServices } from './node-services.ts'
import type { PodCalls } from './observed-provider.ts'

/** What a PodController works with. */
export interface PodControllerDeps {
  readonly client: KubeClient
  readonly provider: PodCalls
  readonly recorder: EventRecorder
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics | undefined
  /** The cluster's services, where several nodes share them; else the controller reads its own. */
  readonly services?: NodeServices
  /** Undefined until the node is known well enough to judge pods by it. */
  readonly nodeFacts: () => NodeFacts | undefined
  /** Addresses for hostIP and hostIPs, one per family. */
  readonly nodeIPs: () => readonly string[]
}

/** Settings of a PodController. */
export interface PodControllerOptions {
  readonly nodeName: string
  /** The provider's name, for metrics; default `provider`. */
  readonly providerName?: string
  /** Default `strict`. */
  readonly featureCheck?: FeatureCheck
  /** Pods worked on at the same time; default 50. */
  readonly workers?: number
  /** Between two comparisons of backend and API; default 60 s. */
  readonly reconcileIntervalMs?: number
  /** Between two polls of a backend that does not push; default 5 s. */
  readonly pollIntervalMs?: number
  /** Status writes under way at once; default 100. */
  readonly statusConcurrency?: number | undefined
  /** A call to the backend that takes longer fails; default 2 min. */
  readonly providerTimeoutMs?: number
  /** Where pods reach the API server, when its service address does not lead there from the backend. */
  readonly podApiServer?: { readonly host: string; readonly port: number } | undefined
}
