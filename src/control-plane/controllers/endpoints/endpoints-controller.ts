// SPDX-License-Identifier: Apache-2.0
// Keeps an Endpoints object for each Service that selects pods.
import { pods } from '../../../kube/resources.ts'
import type { Endpoints, Service } from '../../../kube/types.gen.ts'
import { StatusError } from '../../objects/api-status.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ClusterApi, ControllerContext } from '../cluster-api.ts'
import { endpoints } from '../namespaces/cluster-kinds.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { endpointSubsets } from './endpoint-subsets.ts'
import { hasEndpoints, isHeadless } from './service-backends.ts'
import { selects, startServiceQueue } from './service-queue.ts'

export const headlessLabel = 'service.kubernetes.io/headless'
const managedByLabel = 'endpoints.kubernetes.io/managed-by'

/** Starts the controller of Endpoints. */
export function startEndpointsController(context: ControllerContext): AsyncDisposable {
  const { api } = context
  return startServiceQueue(context, 'endpoints', async (at, service) => {
    try {
      if (service) await write(api, service)
      else if (isOurs(api.get(endpoints, at))) await api.delete(endpoints, at)
    } catch (error) {
      if (!isNotFound(error) && !isNamespaceEnding(error)) throw error
    }
  }).stack
}

/** Whether a write was refused because its namespace is being deleted. */
export function isNamespaceEnding(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false
  return (error.status.details?.causes ?? []).some(
    ({ reason }) => reason === 'NamespaceTerminating',
  )
}

function isOurs(object: Endpoints | undefined): boolean {
  return object?.metadata.labels?.[managedByLabel] !== undefined
}

async function write(api: ClusterApi, service: Service): Promise<void> {
  if (!hasEndpoints(service)) return
  const { namespace, name } = service.metadata
  const selected = api.list(pods, namespace).filter((pod) => selects(service, pod))
  const subsets = endpointSubsets(service, selected)
  const { [headlessLabel]: _headless, ...serviceLabels } = service.metadata.labels ?? {}
  const labels = {
    ...serviceLabels,
    ...(isHeadless(service) && { [headlessLabel]: '' }),
    [managedByLabel]: 'endpoint-controller',
  }
  const found = api.get(endpoints, { namespace, name })
  const content = { ...(subsets.length > 0 && { subsets }) }
  if (!found) {
    await api.create(endpoints, { metadata: { namespace, name, labels }, ...content })
    return
  }
  const isSame = deepEqual(found.subsets ?? [], subsets) && deepEqual(found.metadata.labels, labels)
  if (isSame) return
  const { subsets: _old, ...rest } = found
  await api.update(endpoints, { ...rest, metadata: { ...found.metadata, labels }, ...content })
}
