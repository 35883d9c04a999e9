// SPDX-License-Identifier: Apache-2.0
// What the rules for a container need to know of the pod around it.
import type { PodSpec, Volume } from '../../../kube/types.gen.ts'

export interface ContainerRules {
  /** False in the template of a workload, where some rules are not applied yet. */
  readonly isPod: boolean
  readonly spec: PodSpec
  /** The pod's well-formed volumes. */
  readonly volumes: ReadonlyMap<string, Volume>
  readonly claimNames: ReadonlySet<string>
}
