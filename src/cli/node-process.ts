// SPDX-License-Identifier: Apache-2.0
// What all nodes of one process share.
import type { KubeClient } from '../kube/kube-client.ts'
import type { MachineInfo } from '../node/machine-info.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NodeServices } from '../pods/node-services.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { PlaneFacts } from './join-embedded.ts'
import type { ProcessSettings } from './settings.ts'

/** Made once, handed to every node. */
export interface NodeProcess {
  readonly client: KubeClient
  /** The cluster's services, once for all nodes. */
  readonly services: NodeServices
  /** Names the cluster in a backend; see `clusterIdOf`. */
  readonly clusterId: string
  /** Whether the cluster's control plane is that of `up`. */
  readonly plane: PlaneFacts
  /** --root-dir, locked. */
  readonly rootDir: string
  readonly machine: MachineInfo
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** The process's own settings, where a person gave them. */
  readonly settings?: ProcessSettings
}
