// SPDX-License-Identifier: Apache-2.0
// What the two controllers of endpoints share: Services are looked at when they or pods that they select
// change, a moment later, so that a set of pods that becomes ready together is written once.
import { pods, services } from '../../../kube/resources.ts'
import type { Pod, Service } from '../../../kube/types.gen.ts'
import type { WorkQueue } from '../../../kube/work-queue.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectPlace } from '../cluster-api.ts'
import { matcherOfLabels } from '../../../kube/label-matcher.ts'
import { controllerQueue } from '../workload/controller-queue.ts'
import { workKey } from '../workload/owner-reference.ts'

/** Starts a queue of Services; `reconcile` is given undefined for one that is gone. */
export function startServiceQueue(
  context: ControllerContext,
  name: string,
  reconcile: (at: Required<ObjectPlace>, service: Service | undefined) => Promise<void>,
): { readonly queue: WorkQueue; readonly stack: AsyncDisposableStack } {
  const { api } = context
  const stack = new AsyncDisposableStack()
  const queue = stack.use(
    controllerQueue((at) => reconcile(at, api.get(services, at)), context, { name }),
  )
  stack.use(
    api.onChange(services, ({ current, previous }) => {
      const { metadata } = current ?? previous ?? {}
      if (metadata) queue.add(workKey(metadata))
    }),
  )
  stack.use(
    api.onChange(pods, ({ current, previous }) => {
      if (current && previous && !matters(current, previous)) return
      for (const pod of [current, previous]) {
        if (!pod) continue
        for (const service of api.list(services, pod.metadata.namespace)) {
          if (selects(service, pod)) queue.addAfter(workKey(service.metadata), 20)
        }
      }
    }),
  )
  for (const { metadata } of api.list(services)) queue.add(workKey(metadata))
  queue.start()
  return { queue, stack }
}

/** Whether the Service selects the pod; one without a selector selects nothing. */
export function selects({ spec, metadata }: Service, pod: Pod): boolean {
  return (
    spec.selector !== undefined &&
    metadata.namespace === pod.metadata.namespace &&
    matcherOfLabels(spec.selector).matches(pod.metadata.labels)
  )
}

function matters(current: Pod, previous: Pod): boolean {
  const facts = ({ metadata, status, spec }: Pod): unknown => [
    metadata.labels,
    metadata.deletionTimestamp,
    status?.phase,
    status?.podIPs,
    status?.podIP,
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    spec.nodeName,
  ]
  return !deepEqual(facts(current), facts(previous))
}
