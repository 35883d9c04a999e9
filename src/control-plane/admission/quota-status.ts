// SPDX-License-Identifier: Apache-2.0
// Keeps status.used of ResourceQuotas: written anew after changes in a namespace that has any. Only for
// people to read: admission counts for itself.
import type { ResourceQuota } from '../../kube/types.gen.ts'
import type { Clock } from '../../util/clock.ts'
import { VkError } from '../../util/vk-error.ts'
import { storedObjects } from '../auth/stored-object.ts'
import { deepEqual } from '../objects/deep-equal.ts'
import type { Store } from '../storage/store.ts'
import { resourceListOf } from './amounts.ts'
import { quotaUsage } from './quota-usage.ts'

const pauseMs = 20
/** Before another attempt, when storage could not write. */
const retryMs = 1000

/** Writes the status of the namespace's quotas where it is out of date. */
export function updateQuotaStatus(store: Store, namespace: string, nowMs: number): void {
  for (const quota of storedObjects<ResourceQuota>(store, 'resourcequotas', namespace)) {
    const hard = quota.spec?.hard ?? {}
    const used = resourceListOf(quotaUsage(quota, { store, nowMs }))
    const status = { hard, used }
    if (deepEqual(status, quota.status)) continue
    const key = { resource: 'resourcequotas', namespace, name: quota.metadata.name }
    const stored = store.get(key)
    if (stored) store.put(key, { ...stored.object, status })
  }
}

/** Follows all changes until disposed of; a burst of them costs one count. */
export function startQuotaStatus({
  clock,
  store,
}: {
  readonly store: Store
  readonly clock: Clock
}): Disposable {
  const waiting = new Set<string>()
  let timer: Disposable | undefined
  let isStopped = false
  const update = async () => {
    timer = undefined
    const namespaces = [...waiting]
    waiting.clear()
    try {
      for (const namespace of namespaces) updateQuotaStatus(store, namespace, clock.nowMs())
      await store.durable()
    } catch (error) {
      if (!(error instanceof VkError) || error.code !== 'Unavailable') throw error
      // The disk is full, say: nobody waits for this status, and the process must live on.
      for (const namespace of namespaces) waiting.add(namespace)
      if (!isStopped) timer ??= clock.setTimer(retryMs, () => void update())
    }
  }
  const wake = (namespace: string) => {
    if (store.list('resourcequotas', namespace).items.length === 0) return
    waiting.add(namespace)
    timer ??= clock.setTimer(pauseMs, () => void update())
  }
  for (const { object } of store.list('resourcequotas').items) wake(object.metadata.namespace ?? '')
  const subscription = store.onChange('*', ({ key }) => {
    if (key.namespace !== '' && store.count('resourcequotas') > 0) wake(key.namespace)
  })
  return {
    [Symbol.dispose]() {
      isStopped = true
      subscription[Symbol.dispose]()
      timer?.[Symbol.dispose]()
    },
  }
}
