// SPDX-License-Identifier: Apache-2.0
// What the probes' verdicts make of containers, and which probes are to be made now. Both follow from the
// record alone: a verdict that was noted is all that is left of a probe, so that a restart of ours
// changes nothing, and what was ruled out once is not asked again.
import type { Container, Pod, PodStatus } from '../../kube/types.gen.ts'
import type { ContainerRecord, Verdicts } from './container-record.ts'
import { podContainers } from './pod-containers.ts'
import type { ContainerHealth } from './pod-state.ts'
import { probeKinds, probeOf, type ProbeKind, type ProbeResult } from './probe-terms.ts'

type Records = Readonly<Record<string, ContainerRecord>>

/** One probe that is to be made again and again, as long as it is wanted. */
export interface WantedProbe {
  readonly kind: ProbeKind
  readonly spec: Container
  readonly attempt: number
  /** What it would change: the container is not ready. */
  readonly isReady: boolean
}

/** What is known of the containers that have probes and run. */
export function containerHealth(
  pod: Pod | undefined,
  containers: Records,
): ReadonlyMap<string, ContainerHealth> {
  const health = new Map<string, ContainerHealth>()
  for (const { spec, record } of probedContainers(pod, containers)) {
    health.set(spec.name, healthOf(spec, record))
  }
  return health
}

/**
 * The probes that are to be made now. Whether a container lives and is ready is not asked before it has
 * started; nothing that could end it is asked while its end has been decided.
 */
export function wantedProbes(
  pod: Pod | undefined,
  { containers, isEnding }: { readonly containers: Records; readonly isEnding: boolean },
): readonly WantedProbe[] {
  return probedContainers(pod, containers).flatMap(({ spec, record }) => {
    const { started, ready, failed } = healthOf(spec, record)
    const mayFail = !isEnding && record.doom === undefined && failed === undefined
    const isWanted: Readonly<Record<ProbeKind, boolean>> = {
      startup: !started && mayFail,
      liveness: started && mayFail,
      readiness: started,
    }
    return probeKinds
      .filter((kind) => isWanted[kind] && probeOf(spec, kind))
      .map((kind) => ({ kind, spec, attempt: record.attempt, isReady: ready }))
  })
}

/** What a verdict changes. */
export function verdictsAfter(spec: Container, kind: ProbeKind, result: ProbeResult): Verdicts {
  const isSuccess = result === 'success'
  if (kind === 'readiness') return { ready: isSuccess }
  if (isSuccess) return kind === 'startup' ? { started: true } : {}
  const graceSeconds = probeOf(spec, kind)?.terminationGracePeriodSeconds
  const grace = graceSeconds === undefined ? {} : { graceSeconds }
  return { failed: { probe: kind, ...grace } }
}

/**
 * What the API remembers of verdicts that never reached our disk: a container that was told started, ready or
 * not ready is that until a probe says otherwise.
 */
export function verdictsOfStatus(
  status: PodStatus | undefined,
  { spec, containerId }: { readonly spec: Container; readonly containerId: string },
): Verdicts {
  const { containerStatuses = [], initContainerStatuses = [] } = status ?? {}
  const all = [...containerStatuses, ...initContainerStatuses]
  const known = all.find(({ name }) => name === spec.name)
  if (!known?.state?.running || !known.started || known.containerID !== containerId) return {}
  return { started: true, ...(probeOf(spec, 'readiness') && { ready: known.ready }) }
}

function healthOf(spec: Container, { health }: ContainerRecord): ContainerHealth {
  return {
    started: health?.started ?? spec.startupProbe === undefined,
    ready: health?.ready ?? spec.readinessProbe === undefined,
    ...(health?.failed && { failed: health.failed }),
  }
}

/** Containers that run and have a probe; init containers proper and ephemeral ones never have. */
function probedContainers(
  pod: Pod | undefined,
  containers: Records,
): readonly { readonly spec: Container; readonly record: ContainerRecord }[] {
  if (!pod) return []
  return podContainers(pod).flatMap(({ spec, role }) => {
    const record = containers[spec.name]
    const isProbed = role === 'regular' || role === 'sidecar'
    if (!isProbed || record?.stage !== 'started') return []
    return probeKinds.some((kind) => probeOf(spec, kind)) ? [{ spec, record }] : []
  })
}
