// SPDX-License-Identifier: Apache-2.0
// Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer. A pod's time runs
// from when this process first saw it on such a node, and starts anew after the taints have gone.
import { nodes, pods } from '../../../kube/resources.ts'
import type { Node, Pod } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { changePodStatus, withPodCondition } from '../scheduler/pod-conditions.ts'
import { controllerQueue, isNotFound } from '../workload/controller-queue.ts'
import { workKey } from '../workload/owner-reference.ts'
import { evictionDelayMs } from './eviction-delay.ts'
import { PodsByNode } from './pods-by-node.ts'

/** Starts the eviction of pods by taints. */
export function startTaintEvictionController(context: ControllerContext): AsyncDisposable {
  const { api } = context
  const stack = new AsyncDisposableStack()
  /** Since when pods, by uid, are on a node that they have to leave at some time. */
  const sinceMs = new Map<string, number>()
  const queue = stack.use(
    controllerQueue(
      ({ namespace, name }) => reconcile(context, api.get(pods, { namespace, name }), sinceMs),
      context,
      { name: 'taint-eviction' },
    ),
  )
  const podsByNode = stack.use(new PodsByNode(api))
  const wakeAll = (node: Node): void => {
    for (const { metadata } of podsByNode.on(node.metadata.name)) queue.add(workKey(metadata))
  }
  stack.use(
    api.onChange(nodes, ({ current, previous }) => {
      if (current && !deepEqual(current.spec?.taints, previous?.spec?.taints)) wakeAll(current)
    }),
  )
  stack.use(
    api.onChange(pods, ({ current, previous }) => {
      if (previous && previous.metadata.uid !== current?.metadata.uid) {
        sinceMs.delete(previous.metadata.uid)
      }
      if (current && !deepEqual(current.spec, previous?.spec)) queue.add(workKey(current.metadata))
    }),
  )
  for (const node of api.list(nodes)) wakeAll(node)
  queue.start()
  return stack
}

async function reconcile(
  context: ControllerContext,
  pod: Pod | undefined,
  sinceMs: Map<string, number>,
): Promise<void | { readonly requeueAfterMs: number }> {
  const { api, clock } = context
  const node = pod && api.get(nodes, { name: pod.spec.nodeName ?? '' })
  if (!node || pod.metadata.deletionTimestamp !== undefined) return
  const { uid, namespace, name } = pod.metadata
  const delayMs = evictionDelayMs(node.spec?.taints, pod.spec.tolerations)
  const nowMs = clock.monotonicMs()
  const startMs = sinceMs.get(uid)
  if (delayMs === Infinity) {
    if (startMs !== undefined) tell(context, pod, `Cancelling deletion of Pod ${namespace}/${name}`)
    sinceMs.delete(uid)
    return
  }
  const dueMs = (startMs ?? nowMs) + delayMs
  if (dueMs > nowMs) {
    sinceMs.set(uid, startMs ?? nowMs)
    return { requeueAfterMs: dueMs - nowMs }
  }
  tell(context, pod, `Marking for deletion Pod ${namespace}/${name}`)
  await evict(context, pod)
  sinceMs.delete(uid)
}

async function evict({ api, clock }: ControllerContext, pod: Pod): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  }
  try {
    await changePodStatus(api, { namespace, name, uid }, (status) =>
      withPodCondition(status, condition, clock.nowMs()),
    )
    await api.delete(pods, { namespace, name }, { preconditions: { uid } })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

function tell({ api }: ControllerContext, pod: Pod, message: string): void {
  const about = { ...pod, apiVersion: pods.apiVersion, kind: pods.kind }
  api.recordEvent(about, { type: 'Normal', reason: 'TaintManagerEviction', message })
}
