// SPDX-License-Identifier: Apache-2.0
// How far a run is and whether it is over: pure, from the last known state of everything that belongs to
// it. Jobs and pods that may end decide; what serves for ever (Deployments, pods that always restart)
// ends with them, and alone it never does.
import type { CronJob, Job, Pod } from '../../kube/types.gen.ts'
import type { AppliedObject } from './apply-objects.ts'
import { titleOf } from './apply-objects.ts'
import { viewPod } from './pod-view.ts'
import type { PodView, PodWarning } from './pod-view.ts'
import type { Manifest } from './read-manifests.ts'

/** Everything known of a run. */
export interface RunWorld {
  /** What the manifests hold of objects that make pods. */
  readonly roots: readonly AppliedObject[]
  /** Newest state of a root by uid. */
  readonly states: ReadonlyMap<string, RootState>
  readonly pods: readonly TrackedPod[]
  readonly nowMs: number
  /** The run deletes what it made; nothing is missed then. */
  readonly isEnding?: boolean
}

export interface RootState {
  readonly object: Manifest
  readonly isGone: boolean
}

/** A pod of the run, also after it was deleted. */
export interface TrackedPod {
  readonly pod: Pod
  readonly rootUid: string
  readonly isGone: boolean
  /** The newest of its events of type Warning. */
  readonly warning?: PodWarning | undefined
}

/** One workload. */
export interface WorkloadView {
  readonly uid: string
  /** `job/crunch`. */
  readonly title: string
  readonly namespace: string | undefined
  readonly isEndless: boolean
  readonly state: 'running' | 'succeeded' | 'failed'
  readonly done: number
  readonly failed: number
  readonly active: number
  /** Undefined where nobody knows (work queues, CronJobs). */
  readonly total: number | undefined
  readonly message: string | undefined
}

/** A run at one moment. */
export interface RunView {
  readonly workloads: readonly WorkloadView[]
  readonly pods: readonly PodView[]
  /** Nothing in it ever ends by itself. */
  readonly isEndless: boolean
  readonly outcome: 'running' | 'succeeded' | 'failed'
}

/** Kinds that make pods, or are one. */
export const podMakers: readonly string[] = [
  'Pod',
  'Job',
  'CronJob',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'ReplicationController',
]

/** The view of a run. */
export function judgeRun(world: RunWorld): RunView {
  const pods = world.pods.map(({ pod, ...facts }) => viewPod(pod, { ...facts, nowMs: world.nowMs }))
  const workloads = world.roots.map((root) =>
    viewRoot(root, {
      state: world.states.get(root.uid) ?? { object: root.object, isGone: false },
      pods: pods.filter(({ rootUid }) => rootUid === root.uid),
      isEnding: world.isEnding ?? false,
    }),
  )
  const finite = workloads.filter(({ isEndless }) => !isEndless)
  const decisive = finite.length > 0 ? finite : workloads
  const isOver = decisive.length > 0 && decisive.every(({ state }) => state !== 'running')
  const hasFailed = decisive.some(({ state }) => state === 'failed')
  return {
    workloads,
    pods,
    isEndless: finite.length === 0,
    outcome: !isOver ? 'running' : hasFailed ? 'failed' : 'succeeded',
  }
}

interface RootFacts {
  readonly state: RootState
  readonly pods: readonly PodView[]
  readonly isEnding: boolean
}

function isWithoutHope({ isStuck, hasEnded, isGone }: PodView): boolean {
  return isStuck || hasEnded || isGone
}

type Progress = Omit<WorkloadView, 'uid' | 'title' | 'namespace'>

function viewRoot(root: AppliedObject, facts: RootFacts): WorkloadView {
  const progress = progressOf(root, facts)
  const isLost =
    facts.state.isGone && !facts.isEnding && progress.state === 'running' && !progress.isEndless
  const stuck = facts.pods.filter(({ isStuck }) => isStuck)
  const isStuck =
    progress.state === 'running' &&
    !(progress.isEndless && facts.isEnding) &&
    stuck.length > 0 &&
    facts.pods.every((pod) =>
      // What serves and has run once may do so again.
      progress.isEndless ? pod.isStuck && pod.runMs === undefined : isWithoutHope(pod),
    )
  return {
    uid: root.uid,
    title: titleOf(root.object),
    namespace: root.namespace,
    ...progress,
    ...(isLost && { state: 'failed', message: 'it was deleted before it ended' }),
    ...(isStuck && { state: 'failed', message: `it cannot run: ${stuck[0]?.message ?? ''}` }),
  }
}

function progressOf(root: AppliedObject, facts: RootFacts): Progress {
  const { object } = facts.state
  switch (root.resource.kind) {
    case 'Pod':
      return podProgress(object as unknown as Pod, facts)
    case 'Job':
      return jobProgress(object as unknown as Job)
    case 'CronJob':
      return cronJobProgress(object as unknown as CronJob, facts)
    default:
      return replicasProgress(object as unknown as Replicated)
  }
}

function podProgress({ spec }: Pod, { pods: [view] }: RootFacts): Progress {
  const isEndless = (spec.restartPolicy ?? 'Always') === 'Always'
  const hasSucceeded = view?.phase === 'Succeeded'
  const hasFailed = view?.phase === 'Failed'
  return {
    isEndless,
    state: hasSucceeded ? 'succeeded' : hasFailed ? 'failed' : 'running',
    done: hasSucceeded ? 1 : 0,
    failed: hasFailed ? 1 : 0,
    active: view?.phase === 'Running' ? 1 : 0,
    total: 1,
    message: hasFailed ? view.message : undefined,
  }
}

function jobProgress({ spec, status }: Job): Progress {
  const holds = (wanted: string) =>
    status?.conditions?.find(({ type, status: value }) => type === wanted && value === 'True')
  const failure = holds('Failed')
  const suspended = holds('Suspended')
  return {
    isEndless: false,
    state: holds('Complete') ? 'succeeded' : failure ? 'failed' : 'running',
    done: status?.succeeded ?? 0,
    failed: status?.failed ?? 0,
    active: status?.active ?? 0,
    total: spec.completions,
    message: failure
      ? (failure.message ?? failure.reason)
      : suspended
        ? 'it is suspended'
        : undefined,
  }
}

function cronJobProgress({ spec }: CronJob, { pods }: RootFacts): Progress {
  const count = (phase: string) => pods.filter((pod) => pod.phase === phase).length
  return {
    isEndless: true,
    state: 'running',
    done: count('Succeeded'),
    failed: count('Failed'),
    active: count('Running'),
    total: undefined,
    message: `schedule ${spec.schedule}`,
  }
}

/** What Deployments, ReplicaSets, StatefulSets and DaemonSets have in common. */
interface Replicated {
  readonly spec?: { readonly replicas?: number }
  readonly status?: {
    readonly readyReplicas?: number
    readonly replicas?: number
    readonly numberReady?: number
    readonly desiredNumberScheduled?: number
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly message?: string
    }[]
  }
}

function replicasProgress({ spec, status }: Replicated): Progress {
  const failure = status?.conditions?.find(
    ({ type, status: value }) => type === 'ReplicaFailure' && value === 'True',
  )
  return {
    isEndless: true,
    state: 'running',
    done: status?.readyReplicas ?? status?.numberReady ?? 0,
    failed: 0,
    active: status?.replicas ?? status?.desiredNumberScheduled ?? 0,
    total: spec?.replicas ?? status?.desiredNumberScheduled ?? 1,
    message: failure?.message,
  }
}
