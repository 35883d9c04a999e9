// SPDX-License-Identifier: Apache-2.0
// What one node is made from: the settings that a person chose, the intervals of its life with the
// kubelet's own defaults, and the parts of the process that it uses.
import type { EventRecorder } from '../kube/event-recorder.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import type { Taint } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { PodProvider } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { MachineInfo } from './machine-info.ts'
import type { Reserved } from './node-reserved.ts'

/** How often things happen; the defaults are the kubelet's. */
export interface NodeIntervals {
  /** Between two questions to the backend whether it is there. */
  readonly pingMs: number
  /** How long the backend may take to answer, for a ping and for describeNode. */
  readonly pingTimeoutMs: number
  /** Between two computations of the status. */
  readonly statusMs: number
  /** Between two writes of a status in which nothing changed. */
  readonly statusReportMs: number
  /** Between two renewals of the lease. */
  readonly leaseRenewMs: number
  /** How long a lease holds. */
  readonly leaseDurationSeconds: number
  /** How long one request to the API server may take. */
  readonly callTimeoutMs: number
}

/** One node, as the command line or the configuration file asks for it. */
export interface NodeOptions {
  readonly name: string
  /** Name of the backend: value of the default taint. */
  readonly providerName: string
  readonly os: 'linux' | 'windows'
  /** One or, for dual-stack, two; unless the backend names addresses itself. */
  readonly nodeIPs: readonly string[]
  /** Where the kubelet API listens. */
  readonly kubeletPort: number
  /** A semantic version with `v`, such as v1.36.3-vk-0.1.0. */
  readonly kubeletVersion: string
  /** The machine that this process runs on; the backend may say otherwise. */
  readonly machine: MachineInfo
  /** On top of the standard ones; see `checkLabels`. */
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Default: `virtual-kubelet.io/provider=<provider>:NoSchedule`. */
  readonly taints?: readonly Taint[]
  /** Pods the node takes at most, in place of the backend's own number. */
  readonly maxPods?: number
  /** Kept back of what the backend offers. */
  readonly reserved?: Reserved
  /** Names of node features for status.declaredFeatures; default none. */
  readonly declaredFeatures?: readonly string[]
  /** Does the client speak as `system:node:<name>`? Left out, the API server is asked. */
  readonly isNodeIdentity?: boolean
  /** Tells this process from others; a node that another one runs is then refused, see twin-guard.ts. */
  readonly instanceId?: string
  readonly intervals?: Partial<NodeIntervals>
  /** Chance, 0 to 1; for tests. */
  readonly random?: () => number
}

/** The kubelet's own intervals. */
export const defaultIntervals: NodeIntervals = {
  pingMs: 10_000,
  pingTimeoutMs: 10_000,
  statusMs: 10_000,
  statusReportMs: 300_000,
  leaseRenewMs: 10_000,
  leaseDurationSeconds: 40,
  callTimeoutMs: 10_000,
}

/** What a node needs from the rest of the process. */
export interface NodeDependencies {
  readonly client: KubeClient
  readonly provider: Pick<PodProvider, 'describeNode' | 'ping' | 'watchNode'>
  readonly recorder: EventRecorder
  readonly clock: Clock
  /** Says by itself which node it is about. */
  readonly log: Logger
  readonly metrics?: Metrics
}
