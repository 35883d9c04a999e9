// SPDX-License-Identifier: Apache-2.0
// Takes the tracking finalizer from a pod. The list of finalizers is written whole, so that it is read
// just before, and read again when somebody else wrote in between.
import { pods } from '../../../kube/resources.ts'
import type { Pod } from '../../../kube/types.gen.ts'
import type { ClusterApi } from '../cluster-api.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'
import { isTracked, trackingFinalizer } from './job-facts.ts'

const attempts = 5

/** Resolves when the pod has no tracking finalizer any more, or is gone. */
export async function releasePod(api: ClusterApi, { metadata }: Pod): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const pod = api.get(pods, metadata)
    if (!pod || pod.metadata.uid !== metadata.uid || !isTracked(pod)) return
    const { uid, resourceVersion, finalizers = [] } = pod.metadata
    const left = finalizers.filter((finalizer) => finalizer !== trackingFinalizer)
    try {
      // Null takes the field away, as the API shows no empty lists.
      const change = { uid, resourceVersion, finalizers: left.length > 0 ? left : null }
      await api.patch(pods, metadata, { metadata: change })
      return
    } catch (error) {
      if (isNotFound(error)) return
      if (!isConflict(error) || attempt === attempts) throw error
    }
  }
}
