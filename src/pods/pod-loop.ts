// SPDX-License-Identifier: Apache-2.0
// What the parts of the pod loop share: the outside world they talk to, and the records they keep.
import type { EventRecorder } from '../kube/event-recorder.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { Pod } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { NodeFacts } from './admission.ts'
import type { FeatureCheck } from './judge-pod.ts'
import type { PodCalls } from './observed-provider.ts'
import type { PodRecords } from './pod-records.ts'
import type { ShutdownOrder } from './shutdown-plan.ts'

/** The surroundings of one node's pods. */
export interface PodLoop {
  readonly nodeName: string
  readonly client: KubeClient
  readonly provider: PodCalls
  readonly recorder: EventRecorder
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics | undefined
  readonly featureCheck: FeatureCheck
  readonly records: PodRecords
  /** Undefined until the node is known well enough to judge pods by it. */
  readonly nodeFacts: () => NodeFacts | undefined
  /** Addresses for hostIP and hostIPs, one per family. */
  readonly nodeIPs: () => readonly string[]
  readonly isDraining: () => boolean
  /** What the node's shutdown asks of this pod; undefined while the node does not shut down. */
  readonly shutdownOrder: (pod: Pod) => ShutdownOrder | undefined
  /** Has the pod looked at again. */
  readonly wake: (uid: string) => void
}
