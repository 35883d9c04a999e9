// SPDX-License-Identifier: Apache-2.0
// What every namespace that is in use has: objects that are made when it appears, and again when
// somebody deletes or changes them.
import { WorkQueue } from '../../../kube/work-queue.ts'
import type { Resource } from '../../../kube/resources.ts'
import { StatusError } from '../../objects/api-status.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { namespaces } from '../namespaces/cluster-kinds.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'

export interface Furniture<T> {
  /** Names the controller in logs. */
  readonly controller: string
  readonly resource: Resource<T>
  readonly name: string
  /** Makes the object, or puts it right; called for namespaces that are active. */
  readonly ensure: (namespace: string, found: T | undefined) => Promise<unknown>
}

const backoff = { baseMs: 20, factor: 2, capMs: 60_000, jitter: 0.25 }

/** Starts a controller that keeps one object of a name in each namespace. */
export function startFurniture<
  T extends { readonly metadata: { readonly namespace: string; readonly name: string } },
>(
  { api, clock, log }: ControllerContext,
  { controller, resource, name, ensure }: Furniture<T>,
): AsyncDisposable {
  const reconcile = async (
    namespace: string,
  ): Promise<void | { readonly requeueAfterMs: number }> => {
    const found = api.get(namespaces, { name: namespace })
    const isActive =
      found?.metadata.deletionTimestamp === undefined && found?.status?.phase !== 'Terminating'
    if (!found || !isActive) return
    try {
      await ensure(namespace, api.get(resource, { namespace, name }))
    } catch (error) {
      if (isNotFound(error) || isEnding(error)) return
      if (isConflict(error) || isThere(error)) return { requeueAfterMs: 2 }
      throw error
    }
  }
  const queue = new WorkQueue(reconcile, { name: controller, concurrency: 8, clock, log, backoff })
  const subscriptions = [
    api.onChange(namespaces, ({ current }) => {
      if (current) queue.add(current.metadata.name)
    }),
    api.onChange(resource, ({ current, previous }) => {
      const { metadata } = current ?? previous ?? {}
      if (metadata?.name === name) queue.add(metadata.namespace)
    }),
  ]
  for (const { metadata } of api.list(namespaces)) queue.add(metadata.name)
  queue.start()
  return {
    async [Symbol.asyncDispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]()
      await queue[Symbol.asyncDispose]()
    },
  }
}

function isEnding(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false
  return (error.status.details?.causes ?? []).some(
    ({ reason }) => reason === 'NamespaceTerminating',
  )
}

function isThere(error: unknown): boolean {
  return error instanceof StatusError && error.reason === 'AlreadyExists'
}
