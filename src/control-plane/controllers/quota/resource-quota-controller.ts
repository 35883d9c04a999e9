// SPDX-License-Identifier: Apache-2.0
// Keeps the status of quotas: what they limit and how much of it is used.
import type { Resource } from '../../../kube/resources.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { resourceQuotas } from '../namespaces/cluster-kinds.ts'
import { controllerQueue, isNotFound, wakeOnChange } from '../workload/controller-queue.ts'
import { workKey } from '../workload/owner-reference.ts'
import { isCharged } from './object-usage.ts'
import { quotaUsage } from './quota-usage.ts'

export interface ResourceQuotaOptions {
  /** All kinds in namespaces that can be counted. */
  readonly resources: readonly Resource<unknown>[]
}

// Changes come in bursts, and a pass costs as much as the namespace has objects.
const gatherMs = 100
const resyncMs = 300_000

/** Starts the controller of resource quotas. */
export function startResourceQuotaController(
  context: ControllerContext,
  { resources }: ResourceQuotaOptions,
): AsyncDisposable {
  const { api, clock } = context
  const stack = new AsyncDisposableStack()
  const counted = resources.filter(({ isNamespaced }) => isNamespaced)
  const queue = stack.use(
    controllerQueue(
      async ({ namespace, name }) => {
        const quota = api.get(resourceQuotas, { namespace, name })
        if (!quota) return undefined
        const list = (resource: Resource<unknown>): readonly StoredObject[] =>
          api.list(resource, namespace) as readonly StoredObject[]
        const nowMs = clock.nowMs()
        const hard = quota.spec.hard ?? {}
        const status = { hard, used: quotaUsage(quota, { resources: counted, list, nowMs }) }
        try {
          if (!deepEqual(status, quota.status)) {
            await api.updateStatus(resourceQuotas, { ...quota, status })
          }
        } catch (error) {
          if (!isNotFound(error)) throw error
        }
        return { requeueAfterMs: resyncMs }
      },
      context,
      { name: 'resource-quota', concurrency: 5 },
    ),
  )
  stack.use(wakeOnChange(queue, api, resourceQuotas))
  for (const resource of counted) {
    stack.use(
      api.onChange(resource, ({ current, previous }) => {
        const { metadata } = (current ?? previous) as StoredObject
        for (const quota of api.list(resourceQuotas, metadata.namespace ?? '')) {
          if (isCharged(resource, Object.keys(quota.spec.hard ?? {}))) {
            queue.addAfter(workKey(quota.metadata), gatherMs)
          }
        }
      }),
    )
  }
  queue.start()
  return stack
}
