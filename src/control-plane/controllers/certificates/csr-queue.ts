// SPDX-License-Identifier: Apache-2.0
// What the controllers of certificate requests share: a queue of the requests by name.
import type { CertificateSigningRequest } from '../../../kube/types.gen.ts'
import { WorkQueue } from '../../../kube/work-queue.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { certificateSigningRequests } from '../namespaces/cluster-kinds.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'

const backoff = { baseMs: 200, factor: 2, capMs: 1_000_000, jitter: 0.25 }

/** Calls `reconcile` for each request that is there, appears or changes. */
export function startCsrQueue(
  { api, clock, log }: ControllerContext,
  name: string,
  reconcile: (csr: CertificateSigningRequest) => Promise<void>,
): { readonly queue: WorkQueue; readonly stack: AsyncDisposableStack } {
  const stack = new AsyncDisposableStack()
  const work = async (key: string): Promise<void | { readonly requeueAfterMs: number }> => {
    const csr = api.get(certificateSigningRequests, { name: key })
    if (!csr) return
    try {
      await reconcile(csr)
    } catch (error) {
      if (isNotFound(error)) return
      if (isConflict(error)) return { requeueAfterMs: 2 }
      throw error
    }
  }
  const queue = stack.use(new WorkQueue(work, { name, concurrency: 4, clock, log, backoff }))
  stack.use(
    api.onChange(certificateSigningRequests, ({ current }) => {
      if (current) queue.add(current.metadata.name)
    }),
  )
  for (const { metadata } of api.list(certificateSigningRequests)) queue.add(metadata.name)
  queue.start()
  return { queue, stack }
}
