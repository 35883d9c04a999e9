// SPDX-License-Identifier: Apache-2.0
// Keeps the status of disruption budgets, by which evictions are allowed or refused.
import { pods } from '../../../kube/resources.ts'
import type { Resource } from '../../../kube/resources.ts'
import type { LabelSelector, Pod, PodDisruptionBudget } from '../../../kube/types.gen.ts'
import type { WorkQueue } from '../../../kube/work-queue.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ClusterApi, ControllerContext } from '../cluster-api.ts'
import { podDisruptionBudgets } from '../namespaces/cluster-kinds.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { controllerQueue, isNotFound, wakeOnChange } from '../workload/controller-queue.ts'
import { controllerOf, workKey } from '../workload/owner-reference.ts'
import { deployments, replicaSets, statefulSets } from '../workload/workload-resources.ts'
import { budgetStatus, needsScale } from './budget-status.ts'

/** Starts the disruption controller. */
export function startDisruptionController(context: ControllerContext): AsyncDisposable {
  const { api } = context
  const stack = new AsyncDisposableStack()
  const queue = stack.use(
    controllerQueue(
      ({ namespace, name }) => {
        const budget = api.get(podDisruptionBudgets, { namespace, name })
        return budget ? reconcile(context, budget) : Promise.resolve()
      },
      context,
      { name: 'disruption' },
    ),
  )
  stack.use(wakeOnChange(queue, api, podDisruptionBudgets))
  stack.use(
    api.onChange(pods, ({ current, previous }) => {
      const changed = [current, previous].filter((pod) => pod !== undefined)
      const { namespace = '' } = changed[0]?.metadata ?? {}
      for (const budget of api.list(podDisruptionBudgets, namespace)) {
        const selector = matcherOf(budget.spec?.selector)
        if (changed.some(({ metadata }) => selector.matches(metadata.labels))) {
          queue.add(workKey(budget.metadata))
        }
      }
    }),
  )
  for (const resource of [deployments, replicaSets, statefulSets] as Resource<Scaled>[]) {
    stack.use(wakeOnScale(queue, api, resource))
  }
  queue.start()
  return stack
}

function wakeOnScale(queue: WorkQueue, api: ClusterApi, resource: Resource<Scaled>): Disposable {
  return api.onChange(resource, ({ current, previous }) => {
    if (current?.spec?.replicas === previous?.spec?.replicas) return
    const { namespace = '' } = (current ?? previous)?.metadata ?? {}
    for (const { metadata } of api.list(podDisruptionBudgets, namespace)) {
      queue.add(workKey(metadata))
    }
  })
}

interface Scaled {
  readonly metadata: Pod['metadata']
  readonly spec?: { readonly replicas?: number }
}

async function reconcile(
  { api, clock }: ControllerContext,
  budget: PodDisruptionBudget,
): Promise<void | { readonly requeueAfterMs: number }> {
  const selector = matcherOf(budget.spec?.selector)
  const selected = api
    .list(pods, budget.metadata.namespace)
    .filter(({ metadata }) => selector.matches(metadata.labels))
  tell(api, budget, selected)
  const nowMs = clock.nowMs()
  try {
    const expectedScale = needsScale(budget) ? scaleOf(api, selected) : 0
    const { status, recheckInMs } = budgetStatus({ budget, pods: selected, expectedScale, nowMs })
    if (!deepEqual(status, budget.status)) {
      await api.updateStatus(podDisruptionBudgets, { ...budget, status })
    }
    return recheckInMs === undefined ? undefined : { requeueAfterMs: recheckInMs + 1 }
  } catch (error) {
    if (!(error instanceof ScaleError)) {
      if (isNotFound(error)) return undefined
      throw error
    }
    await writeFailure(api, budget, { message: messageOf(error), nowMs })
    return undefined
  }
}

/** An owner whose size nobody knows; nothing may be disrupted until it is known. */
class ScaleError extends Error {
  override readonly name = 'ScaleError'
}

// The pods' owners, each once. Pods without an owner do not count.
function scaleOf(api: ClusterApi, selected: readonly Pod[]): number {
  const scales = new Map<string, number>()
  for (const { metadata } of selected) {
    const owner = controllerOf(metadata)
    if (!owner) continue
    const at = { namespace: metadata.namespace, name: owner.name }
    const set = owner.kind === 'ReplicaSet' ? api.get(replicaSets, at) : undefined
    const above = set && controllerOf(set.metadata)
    const top = above?.kind === 'Deployment' ? above : owner
    if (scales.has(top.uid)) continue
    const scale = replicasOf(api, { ...at, name: top.name }, top.kind)
    if (scale === undefined) throw new ScaleError(`found no controllers for pod "${metadata.name}"`)
    scales.set(top.uid, scale)
  }
  return [...scales.values()].reduce((sum, scale) => sum + scale, 0)
}

function replicasOf(
  api: ClusterApi,
  at: { readonly namespace: string; readonly name: string },
  kind: string,
): number | undefined {
  const unscalable = { Job: 'jobs.batch', DaemonSet: 'daemonsets.apps' }[kind]
  if (unscalable !== undefined) {
    throw new ScaleError(`${unscalable} does not implement the scale subresource`)
  }
  const resource = { Deployment: deployments, ReplicaSet: replicaSets, StatefulSet: statefulSets }[
    kind
  ] as Resource<Scaled> | undefined
  const set = resource && api.get(resource, at)
  return set && (set.spec?.replicas ?? 1)
}

async function writeFailure(
  api: ClusterApi,
  budget: PodDisruptionBudget,
  { message, nowMs }: { readonly message: string; readonly nowMs: number },
): Promise<void> {
  const type = 'DisruptionAllowed'
  const old = budget.status?.conditions?.find((one) => one.type === type)
  const isSame = old?.reason === 'SyncFailed' && old.message === message
  if (isSame && budget.status?.disruptionsAllowed === 0) return
  const lastTransitionTime = old?.status === 'False' ? old.lastTransitionTime : wireTime(nowMs)
  const condition = { type, status: 'False', reason: 'SyncFailed', message, lastTransitionTime }
  const others = (budget.status?.conditions ?? []).filter((one) => one.type !== type)
  const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  const status = {
    ...none,
    ...budget.status,
    disruptionsAllowed: 0,
    conditions: [...others, condition],
  }
  await api.updateStatus(podDisruptionBudgets, { ...budget, status })
}

function tell(api: ClusterApi, budget: PodDisruptionBudget, selected: readonly Pod[]): void {
  const { apiVersion, kind } = podDisruptionBudgets
  const about = { ...budget, apiVersion, kind }
  if (selected.length === 0) {
    const message = 'No matching pods found'
    api.recordEvent(about, { type: 'Normal', reason: 'NoPods', message })
  }
  if (needsScale(budget) && selected.some(({ metadata }) => !controllerOf(metadata))) {
    const message =
      `Pods selected by this PodDisruptionBudget (selector: ${goText(budget.spec?.selector)}) were found ` +
      'to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in ' +
      'undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
    api.recordEvent(about, { type: 'Warning', reason: 'UnmanagedPods', message })
  }
}

// The selector as the real controller prints it into its event.
function goText({ matchLabels = {}, matchExpressions = [] }: LabelSelector = {}): string {
  const labels = Object.entries(matchLabels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`)
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  const map = `map[string]string{${labels.join('')}}`
  const list = `[]LabelSelectorRequirement{${expressions.join('')}}`
  return `&LabelSelector{MatchLabels:${map},MatchExpressions:${list},}`
}
