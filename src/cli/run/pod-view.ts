// SPDX-License-Identifier: Apache-2.0
// A pod in the words that progress and summary use, from its wire object and the newest warning about it.
import type { ContainerStatus, Pod } from '../../kube/types.gen.ts'

/** One pod of a run. */
export interface PodView {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** Uid of the applied object that it belongs to. */
  readonly rootUid: string
  readonly node: string | undefined
  /** Pending, Running, Succeeded, Failed or Unknown. */
  readonly phase: string
  /** One word for people: the phase, or what stands in its way. */
  readonly status: string
  /** What the pod waits for or failed by, when it says so. */
  readonly message: string | undefined
  readonly hasEnded: boolean
  /** Waits for what only a person can change. */
  readonly isStuck: boolean
  readonly isGone: boolean
  /** Of the container that failed, else 0; undefined while something runs. */
  readonly exitCode: number | undefined
  readonly restarts: number
  readonly queueMs: number | undefined
  readonly runMs: number | undefined
}

/** An event that tells of trouble. */
export interface PodWarning {
  readonly reason: string
  readonly message: string | undefined
}

export interface PodViewContext {
  readonly rootUid: string
  readonly isGone: boolean
  readonly nowMs: number
  /** What a pod that waits waits for, where its own status does not tell: a sandbox, a volume. */
  readonly warning?: PodWarning | undefined
}

/** Waiting reasons that no waiting mends, and how long they must have stood to be believed. */
const stuckAfterMs: Readonly<Record<string, number>> = {
  UnsupportedPodSpec: 0,
  CreateContainerConfigError: 15_000,
  InvalidImageName: 15_000,
  ErrImageNeverPull: 15_000,
  ErrImagePull: 60_000,
  ImagePullBackOff: 60_000,
}

/** The view of a pod at a time. */
export function viewPod(pod: Pod, context: PodViewContext): PodView {
  const { metadata, spec, status } = pod
  const { nowMs, isGone, rootUid, warning } = context
  const phase = status?.phase ?? 'Pending'
  const hasEnded = phase === 'Succeeded' || phase === 'Failed'
  const all = statusesOf(pod)
  const containers = all.filter(hasRunOrMay)
  // How sidecars end when the others have, whatever they say to SIGTERM, is nobody's success or failure.
  const decisive = hasEnded ? statusesOf(pod, { sidecars: false }).filter(hasRunOrMay) : containers
  const hasNeverRun = hasEnded && all.length > 0 && containers.length === 0
  const trouble =
    troubleOf(pod, decisive) ??
    (phase === 'Pending' ? warning : hasNeverRun ? neverStarted(pod, warning) : undefined)
  const startedMs = startOf(pod, containers)
  const createdMs = timeOf(metadata.creationTimestamp)
  const endMs = hasEnded ? latest(containers.map(finishedMs)) : nowMs
  const waitsSinceMs = timeOf(status?.startTime) ?? createdMs ?? nowMs
  const limitMs = trouble && stuckAfterMs[trouble.reason]
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    rootUid,
    node: spec.nodeName,
    phase,
    status: statusWord(pod, { hasEnded, isGone, reason: trouble?.reason }),
    message: trouble?.message ?? status?.message,
    hasEnded,
    isStuck: !hasEnded && !isGone && limitMs !== undefined && nowMs - waitsSinceMs >= limitMs,
    isGone,
    exitCode: exitCodeOf(decisive),
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    queueMs: between(createdMs, startedMs ?? (hasEnded || isGone ? undefined : nowMs)),
    runMs: between(startedMs, endMs),
  }
}

/**
 * A kubelet marks what its pod's end kept from ever starting as lost, with an exit code that no process
 * had (TerminatePod in pkg/kubelet/status/status_manager.go). What did run has left a trace.
 */
function hasRunOrMay({ state, lastState, restartCount, containerID }: ContainerStatus): boolean {
  const { terminated } = state ?? {}
  if (terminated?.reason !== 'ContainerStatusUnknown') return true
  const hasId = Boolean(containerID || terminated.containerID)
  return restartCount > 0 || hasId || Boolean(terminated.startedAt || lastState?.terminated)
}

/** The end of a pod none of whose containers ran: what ended it, or else what it waited for. */
function neverStarted({ status }: Pod, warning: PodWarning | undefined): PodWarning {
  const { reason, message = warning?.message } = status ?? {}
  return { reason: reason ?? 'NeverStarted', message: message ?? 'it ended before it started' }
}

function statusesOf(
  { spec, status }: Pod,
  { sidecars }: { readonly sidecars: boolean } = { sidecars: true },
): readonly ContainerStatus[] {
  const { initContainerStatuses = [], containerStatuses = [] } = status ?? {}
  const isSidecar = (name: string): boolean =>
    spec.initContainers?.some((one) => one.name === name && one.restartPolicy === 'Always') ?? false
  const initial = initContainerStatuses.filter(({ name }) => sidecars || !isSidecar(name))
  return [...initial, ...containerStatuses]
}

function statusWord(
  { metadata, status }: Pod,
  facts: {
    readonly hasEnded: boolean
    readonly isGone: boolean
    readonly reason?: string | undefined
  },
): string {
  const phase = status?.phase ?? 'Pending'
  if (facts.hasEnded) return facts.reason ?? status?.reason ?? phase
  if (facts.isGone) return 'Deleted'
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  return facts.reason ?? phase
}

/** Why the pod does not run, or what it failed by. */
function troubleOf(
  { status }: Pod,
  containers: readonly ContainerStatus[],
): PodWarning | undefined {
  for (const { state } of containers) {
    const { waiting, terminated } = state ?? {}
    const isPlain = waiting?.reason === 'ContainerCreating' || waiting?.reason === 'PodInitializing'
    if (waiting?.reason && !isPlain) return { reason: waiting.reason, message: waiting.message }
    if (terminated && terminated.exitCode !== 0) {
      return { reason: terminated.reason ?? 'Error', message: terminated.message }
    }
  }
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False') {
    return { reason: scheduled.reason ?? 'Unschedulable', message: scheduled.message }
  }
  return undefined
}

function exitCodeOf(containers: readonly ContainerStatus[]): number | undefined {
  const codes = containers.map(({ state }) => state?.terminated?.exitCode)
  const failed = codes.find((code) => code !== undefined && code !== 0)
  if (failed !== undefined) return failed
  return codes.length > 0 && codes.every((code) => code === 0) ? 0 : undefined
}

// Of a restarted container the API tells only the last two lives, so the pod's own start has to do.
function startOf({ status }: Pod, containers: readonly ContainerStatus[]): number | undefined {
  const starts = containers.flatMap(({ state, lastState }) =>
    [state?.running, state?.terminated, lastState?.terminated].map((one) => timeOf(one?.startedAt)),
  )
  const known = starts.filter((start) => start !== undefined)
  if (known.length === 0) return undefined
  if (containers.some(({ restartCount }) => restartCount > 1)) return timeOf(status?.startTime)
  return Math.min(...known)
}

function finishedMs({ state }: ContainerStatus): number | undefined {
  return timeOf(state?.terminated?.finishedAt)
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

/** The API's times are whole seconds, ours are not: a difference may come out below zero. */
function between(fromMs: number | undefined, toMs: number | undefined): number | undefined {
  return fromMs === undefined || toMs === undefined ? undefined : Math.max(0, toMs - fromMs)
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
