// SPDX-License-Identifier: Apache-2.0
// What the executors of probes are given, and what they answer.
import type { Container, Pod, Probe } from '../../kube/types.gen.ts'
import type { ContainerKey } from '../container-runtime.ts'

/** One probe to be made now. */
export interface ProbeOrder {
  readonly key: ContainerKey
  readonly pod: Pod
  readonly spec: Container
  readonly probe: Probe
  /** Where the pod is reached; empty when it has no address. */
  readonly podIP: string
  readonly timeoutMs: number
}

/** What a probe has found, and what is said of it. `warning` is a success with something odd about it. */
export interface ProbeAnswer {
  readonly result: 'success' | 'warning' | 'failure'
  readonly output: string
}

/** The probe could not be carried out, which says nothing about the container. */
export class ProbeError extends Error {
  /** As a kubelet's event names what came of it. */
  readonly state: 'unknown' | 'failure'

  constructor(message: string, state: 'unknown' | 'failure' = 'unknown') {
    super(message)
    this.state = state
  }
}

/** Answers of workloads are read so far, and no further. */
export const maxOutputBytes: number = 10 * 1024

/** Thrown by the signal of a probe whose time is up. */
export class ProbeTimeout extends Error {}
