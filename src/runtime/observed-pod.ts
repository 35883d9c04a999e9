// SPDX-License-Identifier: Apache-2.0
// What a pod machine tells the core about its pod.
import type { ContainerStatus } from '../kube/types.gen.ts'
import type { ObservedPod } from '../provider/provider.ts'
import type { RuntimeContainer } from './container-runtime.ts'
import { containerStatus } from './decide/container-status.ts'
import { podContainers, type ContainerRole, type PodContainer } from './decide/pod-containers.ts'
import type { ContainerHealth, Wait } from './decide/pod-state.ts'
import { wireTime } from '../util/wire-time.ts'
import type { PodRecord } from './pod-record.ts'
import { observedResize, statusResources, type Resizes } from './resources/observed-resources.ts'

export interface ObservedInput {
  readonly record: PodRecord
  readonly waits: ReadonlyMap<string, Wait>
  readonly health: ReadonlyMap<string, ContainerHealth>
  readonly isSandboxReady: boolean
  readonly resizes?: Resizes
  /** The run of a container's current attempt, as the runtime has it. */
  runOf(container: string): RuntimeContainer | undefined
}

/** The pod as the provider contract wants it; equal input gives equal output. */
export function observedPod(input: ObservedInput): ObservedPod {
  const { record, isSandboxReady, resizes } = input
  const { pod, failure, endedAtMs } = record
  const hasEnded = endedAtMs !== undefined
  const generation = pod?.metadata.generation
  return {
    ref: record.ref,
    podIPs: record.podIPs,
    startTime: wireTime(record.startTimeMs),
    isSandboxReady: isSandboxReady && !hasEnded,
    hasEnded,
    containers: statusesOf(['regular'], input).toSorted(byName),
    initContainers: statusesOf(['init', 'sidecar'], input),
    ephemeralContainers: statusesOf(['ephemeral'], input),
    ...(failure && { failure }),
    ...observedResize(record, resizes),
    ...(generation !== undefined && { observedGeneration: generation }),
  }
}

function statusesOf(
  roles: readonly ContainerRole[],
  input: ObservedInput,
): readonly ContainerStatus[] {
  return containersOf(input.record)
    .filter(({ role }) => roles.includes(role))
    .map((container) => statusOf(container, input))
}

/** Containers of an unknown pod are those that the runtime has; nobody knows their roles. */
function containersOf({ pod, containers }: PodRecord): readonly PodContainer[] {
  if (pod) return podContainers(pod)
  return Object.keys(containers).map((name) => ({ spec: { name }, role: 'regular' }))
}

function statusOf({ spec, role }: PodContainer, input: ObservedInput): ContainerStatus {
  const { record, waits, health } = input
  const { pod, ending, endedAtMs } = record
  const status = containerStatus(spec, {
    record: record.containers[spec.name],
    role,
    health: health.get(spec.name),
    run: input.runOf(spec.name),
    wait: waits.get(spec.name),
    initialReason: pod?.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating',
    isEnding: ending !== undefined || pod?.metadata.deletionTimestamp !== undefined,
    isClearing: Object.values(record.containers).some(
      ({ stage, reset }) => stage === 'started' && reset === 'all',
    ),
    endedAtMs,
  })
  if (!input.resizes?.canResize || role === 'ephemeral') return status
  return { ...status, ...statusResources(spec, record.containers[spec.name]) }
}

function byName(one: ContainerStatus, other: ContainerStatus): number {
  return one.name < other.name ? -1 : 1
}
