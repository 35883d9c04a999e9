// SPDX-License-Identifier: Apache-2.0
// One pretended pod: what it is doing, and what happens to it next. Pure: `advance` looks at the time
// and moves the pod on; who calls it, and when, is the provider's business (`nextDueMs`). Fields are few
// and flat because a process may hold a hundred thousand of these.
import type { Pod, PodSpec } from '../../kube/types.gen.ts'
import type { PodRef } from '../../provider/provider.ts'
import type { Behaviour } from './behaviour.ts'

/** One container, as far as its status needs it. */
export interface MockContainer {
  readonly name: string
  readonly image: string
}

/** An init container, or a sidecar, in the order of the spec. */
export interface MockInitContainer extends MockContainer {
  readonly isSidecar: boolean
}

/** One finished run of the pod's containers. */
export interface FinishedRun {
  readonly startedAtMs: number
  readonly finishedAtMs: number
  readonly exitCode: number
}

/** What the containers do; all regular ones do the same at the same time. */
export type MockRun =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly startedAtMs: number }
  | ({ readonly kind: 'ended' } & Omit<FinishedRun, 'startedAtMs'> & {
        /** Absent: the pod ended before its containers were started. */
        readonly startedAtMs?: number
      })

/** A pod and its state. */
export interface MockPod {
  readonly ref: PodRef
  readonly podIPs: readonly string[]
  /** When the provider took it on. */
  readonly createdAtMs: number
  /** status.startTime of an adopted pod. */
  readonly startTime: string | undefined
  spec: MockSpec
  run: MockRun
  restartCount: number
  previous: FinishedRun | undefined
  failure: { readonly reason: string; readonly message: string } | undefined
  /** Asked to stop: when that takes effect, and with which exit code. */
  stop: { readonly atMs: number; readonly exitCode: number } | undefined
  timer: Disposable | undefined
}

/** What of the pod's spec matters here; kept apart from the pod, which is much larger. */
export interface MockSpec {
  readonly generation: number | undefined
  readonly restartPolicy: string
  readonly deadlineMs: number | undefined
  readonly containers: readonly MockContainer[]
  readonly initContainers: readonly MockInitContainer[]
  readonly ephemeralContainers: readonly MockContainer[]
  readonly behaviour: Behaviour
}

// A container that ends at once and is always restarted would otherwise keep the process busy.
const leastTimeOfRestartedRunMs = 1000

/** What of a pod's object the mock keeps. */
export function mockSpec({ metadata, spec }: Pod, behaviour: Behaviour): MockSpec {
  const { restartPolicy = 'Always', activeDeadlineSeconds, initContainers = [] } = spec
  return {
    generation: metadata.generation,
    restartPolicy,
    deadlineMs: activeDeadlineSeconds === undefined ? undefined : activeDeadlineSeconds * 1000,
    containers: spec.containers.map(toMockContainer),
    initContainers: initContainers.map((container) => ({
      ...toMockContainer(container),
      isSidecar: container.restartPolicy === 'Always',
    })),
    ephemeralContainers: (spec.ephemeralContainers ?? []).map(toMockContainer),
    behaviour,
  }
}

function toMockContainer({ name, image = '' }: PodSpec['containers'][number]): MockContainer {
  return { name, image }
}

/** Moves the pod on to where it is at `nowMs`; true when anything changed. */
export function advance(pod: MockPod, nowMs: number): boolean {
  let hasChanged = false
  while (nextDueMs(pod) <= nowMs) {
    step(pod, nowMs)
    hasChanged = true
  }
  return hasChanged
}

/** When something will happen by itself; infinite when nothing will. */
export function nextDueMs(pod: MockPod): number {
  if (pod.run.kind === 'ended') return Number.POSITIVE_INFINITY
  const ownMs = pod.run.kind === 'starting' ? startDueMs(pod) : exitDueMs(pod, pod.run.startedAtMs)
  return Math.min(ownMs, deadlineDueMs(pod), pod.stop?.atMs ?? Number.POSITIVE_INFINITY)
}

function step(pod: MockPod, nowMs: number): void {
  const { run, stop, spec } = pod
  if (stop && stop.atMs <= nowMs) return end(pod, { finishedAtMs: nowMs, exitCode: stop.exitCode })
  if (deadlineDueMs(pod) <= nowMs) {
    pod.failure = {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    }
    return end(pod, { finishedAtMs: nowMs, exitCode: 137 })
  }
  if (run.kind === 'starting') {
    pod.run = { kind: 'running', startedAtMs: nowMs }
  } else if (run.kind === 'running') {
    const exitCode = spec.behaviour['exit-code'] ?? 0
    const isRestarted =
      spec.restartPolicy === 'Always' || (spec.restartPolicy === 'OnFailure' && exitCode !== 0)
    if (isRestarted && !stop) restart(pod, { startedAtMs: run.startedAtMs, nowMs, exitCode })
    else end(pod, { finishedAtMs: nowMs, exitCode })
  }
}

/** Ends the running containers with this exit code and starts them again. */
export function restart(
  pod: MockPod,
  at: { readonly startedAtMs: number; readonly nowMs: number; readonly exitCode: number },
): void {
  pod.previous = { startedAtMs: at.startedAtMs, finishedAtMs: at.nowMs, exitCode: at.exitCode }
  pod.restartCount++
  pod.run = { kind: 'running', startedAtMs: at.nowMs }
}

function end(pod: MockPod, at: Omit<FinishedRun, 'startedAtMs'>): void {
  const startedAtMs = pod.run.kind === 'running' ? pod.run.startedAtMs : undefined
  pod.run = { kind: 'ended', ...at, ...(startedAtMs !== undefined && { startedAtMs }) }
}

function startDueMs(pod: MockPod): number {
  return pod.createdAtMs + (pod.spec.behaviour['start-delay'] ?? 0)
}

function exitDueMs(pod: MockPod, startedAtMs: number): number {
  const runTimeMs = pod.spec.behaviour['run-time']
  if (runTimeMs === undefined) return Number.POSITIVE_INFINITY
  return (
    startedAtMs +
    (pod.restartCount > 0 ? Math.max(runTimeMs, leastTimeOfRestartedRunMs) : runTimeMs)
  )
}

function deadlineDueMs({ spec, startTime, createdAtMs }: MockPod): number {
  if (spec.deadlineMs === undefined) return Number.POSITIVE_INFINITY
  return (startTime === undefined ? createdAtMs : Date.parse(startTime)) + spec.deadlineMs
}
