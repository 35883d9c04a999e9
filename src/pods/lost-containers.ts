// SPDX-License-Identifier: Apache-2.0
// Pods whose containers the backend has lost (it restarted, or somebody removed them there), judged as
// a kubelet does: a container that ran and cannot be found ended with 137, ContainerStatusUnknown, and
// the restart policy decides on that. Where it allows another run the pod is created again; where it
// forbids it for everything that had started (policy Never, or OnFailure after successes) the pod is
// over, because a second run of such work is worse than a reported failure.
import type { Container, ContainerStatus, Pod } from '../kube/types.gen.ts'
import { exitCodeOf } from '../runtime/decide/pod-phase.ts'
import { afterExit, afterInitExit } from '../runtime/decide/restart-policy.ts'

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

/** The statuses of a pod that nothing runs of any more: what ran is marked as lost. */
export function asLost(
  statuses: readonly ContainerStatus[] | undefined,
  finishedAt: string,
): readonly ContainerStatus[] {
  return (statuses ?? []).map((status) => {
    const { running, terminated } = status.state ?? {}
    if (terminated || (!running && !status.lastState?.terminated)) return status
    return { ...status, ready: false, started: false, state: lostState(status, finishedAt) }
  })
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
