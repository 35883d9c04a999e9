// SPDX-License-Identifier: Apache-2.0
// A mock pod as the core is told of it. Built anew each time: that is rare, and keeping it is not free.
import type { ContainerStatus } from '../../kube/types.gen.ts'
import type { ObservedPod } from '../../provider/provider.ts'
import type { FinishedRun, MockContainer, MockPod } from './mock-pod.ts'
import { wireTime } from '../../util/wire-time.ts'

/** What the backend would say of the pod now. */
export function observePod(pod: MockPod): ObservedPod {
  const { ref, podIPs, run, spec, startTime, failure } = pod
  const state = stateOf(pod)
  const sidecarState = run.kind === 'ended' ? stateOf(pod, 0) : state
  const init = completedAt(firstStartMs(pod))
  const build = (containers: readonly MockContainer[], of: Shared): ContainerStatus[] =>
    containers.map((container) => statusOf(container, { pod, ...of }))
  return {
    ref,
    podIPs,
    isSandboxReady: run.kind !== 'ended',
    hasEnded: run.kind === 'ended',
    containers: build(spec.containers, state),
    initContainers: spec.initContainers.map((container) =>
      statusOf(container, { pod, ...(container.isSidecar ? sidecarState : init) }),
    ),
    ephemeralContainers: build(spec.ephemeralContainers, { ...sidecarState, restartCount: 0 }),
    ...(startTime !== undefined && { startTime }),
    ...(failure && { failure }),
    ...(spec.generation !== undefined && { observedGeneration: spec.generation }),
  }
}

/** Unique for each run of a container. */
export function containerIdOf(pod: MockPod, name: string, restartCount: number): string {
  return `mock://${pod.ref.uid}.${name}.${restartCount}`
}

/** What the containers of one kind have in common. */
interface Shared {
  readonly kind: 'waiting' | 'running' | 'terminated'
  readonly isReady: boolean
  readonly restartCount: number
  readonly run?: FinishedRun
  readonly startedAt?: string
  readonly previous?: FinishedRun
}

function stateOf(pod: MockPod, exitCode?: number): Shared {
  const { run, restartCount, previous } = pod
  const history = { restartCount, ...(previous && { previous }) }
  if (run.kind === 'running') {
    return { kind: 'running', isReady: true, startedAt: wireTime(run.startedAtMs), ...history }
  }
  if (run.kind === 'starting' || run.startedAtMs === undefined) {
    return { kind: 'waiting', isReady: false, ...history }
  }
  const { startedAtMs, finishedAtMs } = run
  const finished = { startedAtMs, finishedAtMs, exitCode: exitCode ?? run.exitCode }
  return { kind: 'terminated', isReady: false, run: finished, ...history }
}

function completedAt(atMs: number | undefined): Shared {
  if (atMs === undefined) return { kind: 'waiting', isReady: false, restartCount: 0 }
  const run = { startedAtMs: atMs, finishedAtMs: atMs, exitCode: 0 }
  return { kind: 'terminated', isReady: true, restartCount: 0, run }
}

/** Init containers are said to have run when the pod was first started. */
function firstStartMs(pod: MockPod): number | undefined {
  const { run, startTime, restartCount, createdAtMs } = pod
  if (run.kind === 'starting' || run.startedAtMs === undefined) return undefined
  if (startTime !== undefined) return Date.parse(startTime)
  return restartCount > 0 ? createdAtMs : run.startedAtMs
}

function statusOf(
  { name, image }: MockContainer,
  shared: Shared & { readonly pod: MockPod },
): ContainerStatus {
  const { pod, kind, isReady, restartCount, run, startedAt, previous } = shared
  const status = { name, image, restartCount, ready: isReady, started: kind === 'running' }
  const lastState =
    previous && restartCount > 0
      ? {
          lastState: {
            terminated: terminated(previous, containerIdOf(pod, name, restartCount - 1)),
          },
        }
      : {}
  if (kind === 'waiting') {
    const reason = pod.spec.initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating'
    return { ...status, imageID: '', state: { waiting: { reason } }, ...lastState }
  }
  const containerID = containerIdOf(pod, name, restartCount)
  const state =
    run === undefined
      ? { running: { ...(startedAt !== undefined && { startedAt }) } }
      : { terminated: terminated(run, containerID) }
  return { ...status, imageID: image, containerID, state, ...lastState }
}

function terminated(
  run: FinishedRun,
  containerID: string,
): NonNullable<NonNullable<ContainerStatus['state']>['terminated']> {
  const { exitCode } = run
  return {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: wireTime(run.startedAtMs),
    finishedAt: wireTime(run.finishedAtMs),
    containerID,
  }
}
