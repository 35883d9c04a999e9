// SPDX-License-Identifier: Apache-2.0
// Takes the condition DisruptionTarget back from pods that somebody wanted to disrupt and did not: two
// minutes later such a pod is an ordinary one again.
import { pods } from '../../../kube/resources.ts'
import type { Pod } from '../../../kube/types.gen.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { changePodStatus, withPodCondition } from '../scheduler/pod-conditions.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { controllerQueue } from '../workload/controller-queue.ts'
import { workKey } from '../workload/owner-reference.ts'
import { isPodActive, podCondition } from '../workload/pod-facts.ts'

const staleAfterMs = 120_000
const type = 'DisruptionTarget'

/** Starts the controller. */
export function startStaleDisruptionController(context: ControllerContext): AsyncDisposable {
  const { api, clock } = context
  const stack = new AsyncDisposableStack()
  const queue = stack.use(
    controllerQueue(
      async ({ namespace, name }) => {
        const pod = api.get(pods, { namespace, name })
        const dueMs = pod && staleAtMs(pod)
        if (!pod || dueMs === undefined) return undefined
        const nowMs = clock.nowMs()
        if (dueMs > nowMs) return { requeueAfterMs: dueMs - nowMs }
        await changePodStatus(api, { namespace, name, uid: pod.metadata.uid }, (status) =>
          withPodCondition(status, { type, status: 'False' }, nowMs),
        )
        return undefined
      },
      context,
      { name: 'stale-disruption' },
    ),
  )
  const wake = (pod: Pod | undefined): void => {
    if (pod && staleAtMs(pod) !== undefined) queue.add(workKey(pod.metadata))
  }
  stack.use(api.onChange(pods, ({ current }) => wake(current)))
  for (const pod of api.list(pods)) wake(pod)
  queue.start()
  return stack
}

// What a kubelet announced may take any time to come.
function staleAtMs(pod: Pod): number | undefined {
  const condition = podCondition(pod, type)
  const isOpen = condition?.status === 'True' && condition.reason !== 'TerminationByKubelet'
  if (!isOpen || !isPodActive(pod)) return undefined
  return (parseWireTime(condition.lastTransitionTime) ?? 0) + staleAfterMs
}
