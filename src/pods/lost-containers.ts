// SPDX-License-Identifier: Apache-2.0
// Pods whose containers the backend has lost (it restarted, or somebody removed them there), judged as
// a kubelet does: a container that ran and cannot be found ended with 137, ContainerStatusUnknown, and
// the restart policy decides on that. Where it allows another run the pod is created again; where it
// forbids it for everything that had started (policy Never, or OnFailure after successes) the pod is
// over, because a second run of such work is worse than a reported failure.
import type { Container, ContainerStatus, Pod } from '../kube/types.gen.ts'
import { exitCodeOf } from '../runtime/decide/pod-phase.ts'
import { afterExit, afterInitExit, isSidecar } from '../runtime/decide/restart-policy.ts'

const lostExitCode = 137

/** By the API's status something of this pod had started, and nothing of that may run again. */
export function isLostForGood(api: Pod): boolean {
  const { status, spec } = api
  const regular = startedOf(spec.containers, status?.containerStatuses)
  const init = startedOf(spec.initContainers, status?.initContainerStatuses)
  if (regular.length > 0) {
    return regular.every(
      ({ container, exitCode }) => afterExit(api, container, exitCode) === 'stop',
    )
  }
  // Init containers that succeeded run again with a new sandbox; only one that was cut off counts.
  const cutOff = init.filter(({ exitCode }) => exitCode !== 0)
  return cutOff.some(
    ({ container, exitCode }) => afterInitExit(api, container, exitCode) === 'stop',
  )
}

/**
 * The statuses of a pod that nothing runs of any more, `api`: what ran is marked as lost, and what
 * never began as well, by a kubelet's rules (TerminatePod in pkg/kubelet/status/status_manager.go): regular
 * containers once the pod was initialized, init containers up to the last that has begun, and the first always.
 */
export function asLost<T extends Containers>(api: Pod, all: T, finishedAt: string): T {
  const { containers, initContainers, ephemeralContainers } = all
  const lost = (status: ContainerStatus, isAlsoWaiting: boolean): ContainerStatus =>
    isAlsoWaiting || hasBegun(status) ? lostStatus(status, finishedAt) : status
  const wasInitialized = isInitialized(api, all)
  const begun = Math.max(initContainers.findLastIndex(hasBegun), 0)
  return {
    ...all,
    containers: containers.map((status) => lost(status, wasInitialized)),
    initContainers: initContainers.map((status, index) => lost(status, index <= begun)),
    ephemeralContainers: ephemeralContainers.map((status) => lost(status, false)),
  }
}

interface Containers {
  readonly containers: readonly ContainerStatus[]
  readonly initContainers: readonly ContainerStatus[]
  readonly ephemeralContainers: readonly ContainerStatus[]
}

/** Nothing keeps its regular containers from being started but themselves. */
function isInitialized({ spec, status }: Pod, { containers, initContainers }: Containers): boolean {
  const last = spec.initContainers?.at(-1)
  if (!last || containers.some(hasBegun)) return true
  // A sidecar has ended as well by now, and does not tell whether it had started before.
  if (isSidecar(last)) {
    return Boolean(
      status?.conditions?.some((one) => one.type === 'Initialized' && one.status === 'True'),
    )
  }
  const { state, lastState } = initContainers.find(({ name }) => name === last.name) ?? {}
  return state?.terminated?.exitCode === 0 || lastState?.terminated?.exitCode === 0
}

function hasBegun({ state, lastState }: ContainerStatus): boolean {
  return Boolean(state?.running ?? state?.terminated ?? lastState?.terminated)
}

function lostStatus(status: ContainerStatus, finishedAt: string): ContainerStatus {
  if (status.state?.terminated) return status
  const started = status.started === undefined ? {} : { started: false }
  return { ...status, ready: false, ...started, state: lostState(status, finishedAt) }
}

/** The state of a container that nobody can find any more. */
export function lostState(
  status: ContainerStatus,
  finishedAt: string,
): NonNullable<ContainerStatus['state']> {
  const startedAt = status.state?.running?.startedAt
  return {
    terminated: {
      exitCode: lostExitCode,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
      finishedAt,
      ...(startedAt !== undefined && { startedAt }),
      ...(status.containerID !== undefined && { containerID: status.containerID }),
    },
  }
}

interface Started {
  readonly container: Container
  readonly exitCode: number
}

function startedOf(
  containers: readonly Container[] | undefined,
  statuses: readonly ContainerStatus[] | undefined,
): readonly Started[] {
  const started: Started[] = []
  for (const container of containers ?? []) {
    const status = statuses?.find(({ name }) => name === container.name)
    const exitCode = status?.state?.running ? lostExitCode : exitCodeOf(status)
    if (exitCode !== undefined) started.push({ container, exitCode })
  }
  return started
}
