// SPDX-License-Identifier: Apache-2.0
// Which nodes get a pod and which pods go. Pure. First every node gets what it should have; only when
// nothing is left to do about that an update goes on, within maxUnavailable or maxSurge.
import type { Pod } from '../../../kube/types.gen.ts'
import type { EventRecord } from '../cluster-api.ts'
import { scaledValue } from '../workload/int-or-percent.ts'
import { isPodReady } from '../workload/pod-facts.ts'
import { isUpdated } from './daemon-pod.ts'
import type { DaemonSetView, NodeView } from './daemonset-view.ts'

export interface DaemonSetActions {
  /** Names of nodes that get a pod. */
  readonly create: readonly string[]
  readonly remove: readonly Pod[]
  readonly events: readonly EventRecord[]
  /** Nodes whose failed pod is removed: the next failure there has to wait longer. */
  readonly failedOn: readonly string[]
  /** When a failed pod may be removed that may not be yet. */
  readonly retryInMs: number | undefined
}

/** `failureWaitMs` says for a node how long its failed pod has to stay. */
export function decideDaemonSet(
  view: DaemonSetView,
  failureWaitMs: (nodeName: string) => number,
): DaemonSetActions {
  const managed = manageNodes(view, failureWaitMs)
  const isBusy = managed.create.length + managed.remove.length > 0
  if (isBusy || view.set.spec.updateStrategy?.type === 'OnDelete') return managed
  return { ...managed, ...updateNodes(view) }
}

interface Draft {
  readonly create: string[]
  readonly remove: Pod[]
}

function manageNodes(
  view: DaemonSetView,
  failureWaitMs: (nodeName: string) => number,
): DaemonSetActions {
  const draft: Draft = { create: [], remove: [...view.stranded] }
  const events: EventRecord[] = []
  const failedOn: string[] = []
  const waits: number[] = []
  for (const node of view.nodeViews) {
    const staying = node.pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    if (node.shouldRun && node.pods.length === 0) draft.create.push(node.name)
    else if (!node.mayStay) draft.remove.push(...staying)
    else {
      const running: Pod[] = []
      for (const pod of staying) {
        const waitMs = pod.status?.phase === 'Failed' ? failureWaitMs(node.name) : 0
        if (waitMs > 0) waits.push(waitMs)
        else if (!hasEnded(pod)) running.push(pod)
        else {
          draft.remove.push(pod)
          events.push(endedEvent(pod, node.name))
          if (pod.status?.phase === 'Failed') failedOn.push(node.name)
        }
      }
      prune(view, { node, running, draft })
    }
  }
  const retryInMs = waits.length === 0 ? undefined : Math.min(...waits)
  return { ...draft, events, failedOn, retryInMs }
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded'
}

function endedEvent({ metadata, status }: Pod, nodeName: string): EventRecord {
  const where = `daemon pod ${metadata.namespace}/${metadata.name} on node ${nodeName}`
  return status?.phase === 'Failed'
    ? {
        type: 'Warning',
        reason: 'FailedDaemonPod',
        message: `Found failed ${where}, will try to kill it`,
      }
    : {
        type: 'Normal',
        reason: 'SucceededDaemonPod',
        message: `Found succeeded ${where}, will try to delete it`,
      }
}

/** One pod a node; with surge one more, as long as the old one serves and the new one does not. */
function prune(
  view: DaemonSetView,
  parts: { readonly node: NodeView; readonly running: readonly Pod[]; readonly draft: Draft },
): void {
  const { node, running, draft } = parts
  if (limitsOf(view).maxSurge === 0) {
    draft.remove.push(...running.slice(1))
    return
  }
  if (running.length === 0 && node.shouldRun) draft.create.push(node.name)
  if (running.length <= 1) return
  const [fresh, ...otherFresh] = running.filter((pod) => isUpdated(pod, view))
  const [old, ...otherOld] = running.filter((pod) => !isUpdated(pod, view))
  draft.remove.push(...otherFresh, ...otherOld)
  if (fresh && old && (!isPodReady(old) || view.isAvailable(fresh))) draft.remove.push(old)
}

interface Limits {
  readonly maxSurge: number
  readonly maxUnavailable: number
}

function limitsOf({ set, nodeViews }: DaemonSetView): Limits {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
  if (type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: 0 }
  const total = nodeViews.filter(({ shouldRun }) => shouldRun).length
  const maxSurge = scaledValue(rollingUpdate?.maxSurge, { total, round: 'up' })
  const maxUnavailable = scaledValue(rollingUpdate?.maxUnavailable, { total, round: 'up' })
  return {
    maxSurge,
    maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable,
  }
}

/** The old and the new pod of a node; undefined when it has several of one kind. */
function pairOf(
  view: DaemonSetView,
  { pods }: NodeView,
): { readonly fresh: Pod | undefined; readonly old: Pod | undefined } | undefined {
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const fresh = staying.filter((pod) => isUpdated(pod, view))
  const old = staying.filter((pod) => !isUpdated(pod, view))
  return fresh.length > 1 || old.length > 1 ? undefined : { fresh: fresh[0], old: old[0] }
}

function updateNodes(view: DaemonSetView): Draft {
  const limits = limitsOf(view)
  return limits.maxSurge === 0 ? replaceNodes(view, limits) : surgeNodes(view, limits)
}

function replaceNodes(view: DaemonSetView, { maxUnavailable }: Limits): Draft {
  const useless: Pod[] = []
  const candidates: Pod[] = []
  let unavailable = 0
  for (const node of view.nodeViews) {
    if (node.pods.length === 0) continue
    const pair = pairOf(view, node)
    if (!pair || (!pair.fresh && !pair.old) || (pair.fresh && pair.old)) unavailable += 1
    else if (pair.fresh) unavailable += view.isAvailable(pair.fresh) ? 0 : 1
    else if (pair.old && !view.isAvailable(pair.old)) {
      useless.push(pair.old)
      unavailable += 1
    } else if (pair.old) candidates.push(pair.old)
  }
  const room = Math.max(0, maxUnavailable - unavailable)
  return { create: [], remove: [...useless, ...candidates.slice(0, room)] }
}

function surgeNodes(view: DaemonSetView, { maxSurge }: Limits): Draft {
  const draft: Draft = { create: [], remove: [] }
  const candidates: string[] = []
  const leaving: Pod[] = []
  let surging = 0
  let available = 0
  for (const node of view.nodeViews) {
    if (node.pods.length === 0) continue
    const pair = pairOf(view, node)
    if (!pair) {
      surging += 1
      continue
    }
    const { fresh, old } = pair
    const serving = old ?? fresh
    if (serving && view.isAvailable(serving)) available += 1
    if (!old) continue
    if (fresh) {
      if (view.isAvailable(fresh)) draft.remove.push(old)
      else surging += 1
    } else if (!node.shouldRun) (view.isAvailable(old) ? leaving : draft.remove).push(old)
    else if (view.isAvailable(old)) candidates.push(node.name)
    else draft.create.push(node.name)
  }
  // Where a pod may not be any more it stays until it is not needed.
  const wanted = view.nodeViews.filter(({ shouldRun }) => shouldRun).length
  draft.remove.push(...leaving.slice(0, Math.max(0, available - wanted)))
  draft.create.push(...candidates.slice(0, Math.max(0, maxSurge - surging)))
  return draft
}
