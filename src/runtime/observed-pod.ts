// SPDX-License-Identifier: Apache-2.0
// What a pod machine tells the core about its pod.
import type { Container, ContainerStatus } from '../kube/types.gen.ts'
import type { ObservedPod } from '../provider/provider.ts'
import type { RuntimeContainer } from './container-runtime.ts'
import { containerStatus } from './decide/container-status.ts'
import type { Wait } from './decide/next-step.ts'
import { wireTime } from './decide/wire-time.ts'
import type { PodRecord } from './pod-record.ts'

export interface ObservedInput {
  readonly record: PodRecord
  readonly waits: ReadonlyMap<string, Wait>
  readonly isSandboxReady: boolean
  /** The run of a container's current attempt, as the runtime has it. */
  runOf(container: string): RuntimeContainer | undefined
}

/** The pod as the provider contract wants it; equal input gives equal output. */
export function observedPod(input: ObservedInput): ObservedPod {
  const { record, isSandboxReady } = input
  const { pod, failure, endedAtMs } = record
  const hasEnded = endedAtMs !== undefined
  const generation = pod?.metadata.generation
  return {
    ref: record.ref,
    podIPs: record.podIPs,
    startTime: wireTime(record.startTimeMs),
    isSandboxReady: isSandboxReady && !hasEnded,
    hasEnded,
    containers: specsOf(record).map((spec) => statusOf(spec, input)),
    initContainers: [],
    ephemeralContainers: [],
    ...(failure && { failure }),
    ...(generation !== undefined && { observedGeneration: generation }),
  }
}

/** Containers of an unknown pod are those that the runtime has. */
function specsOf({ pod, containers }: PodRecord): readonly Container[] {
  const specs = pod?.spec.containers ?? Object.keys(containers).map((name) => ({ name }))
  return specs.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function statusOf(spec: Container, input: ObservedInput): ContainerStatus {
  const { record, waits } = input
  const { pod, ending, endedAtMs } = record
  return containerStatus(spec, {
    record: record.containers[spec.name],
    run: input.runOf(spec.name),
    wait: waits.get(spec.name),
    initialReason: pod?.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating',
    isEnding: ending !== undefined || pod?.metadata.deletionTimestamp !== undefined,
    endedAtMs,
  })
}
