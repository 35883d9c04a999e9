// SPDX-License-Identifier: Apache-2.0
// Keeps the EndpointSlices of each Service that selects pods. They end with their Service, which owns
// them.
import { nodes, pods, services } from '../../../kube/resources.ts'
import type { Service } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ClusterApi, ControllerContext } from '../cluster-api.ts'
import { endpointSlices } from '../namespaces/cluster-kinds.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { controllerReference, workKey } from '../workload/owner-reference.ts'
import type { EndpointSlice } from './endpoint-slice.ts'
import { headlessLabel, isNamespaceEnding } from './endpoints-controller.ts'
import { hasEndpoints, isHeadless } from './service-backends.ts'
import { selects, startServiceQueue } from './service-queue.ts'
import { planSlices, sliceContents } from './slice-plan.ts'

const serviceNameLabel = 'kubernetes.io/service-name'
const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
const managedBy = 'endpointslice-controller.k8s.io'

/** Starts the controller of EndpointSlices. */
export function startEndpointSliceController(context: ControllerContext): AsyncDisposable {
  const { api } = context
  const { queue, stack } = startServiceQueue(context, 'endpoint-slices', async (_at, service) => {
    try {
      if (service && hasEndpoints(service)) await write(api, service)
    } catch (error) {
      if (!isNotFound(error) && !isNamespaceEnding(error)) throw error
    }
  })
  // Whoever changes or deletes a slice has it put right.
  stack.use(
    api.onChange(endpointSlices, ({ current, previous }) => {
      const { namespace = '', labels } = (current ?? previous)?.metadata ?? {}
      const name = labels?.[serviceNameLabel] ?? ''
      if (labels?.[managedByLabel] === managedBy && name !== '') {
        queue.add(workKey({ namespace, name }))
      }
    }),
  )
  return stack
}

async function write(api: ClusterApi, service: Service): Promise<void> {
  const { namespace, name } = service.metadata
  const selected = api.list(pods, namespace).filter((pod) => selects(service, pod))
  const contents = sliceContents(service, selected, (node) => api.get(nodes, { name: node }))
  const present = api
    .list(endpointSlices, namespace)
    .filter(
      ({ metadata: { labels, deletionTimestamp } }) =>
        labels?.[serviceNameLabel] === name &&
        labels[managedByLabel] === managedBy &&
        deletionTimestamp === undefined,
    )
  const labels = labelsOf(service)
  const { create, update, remove } = planSlices(contents, present)
  for (const { slice, content } of update) {
    const metadata = { ...slice.metadata, labels }
    await api.update(endpointSlices, { ...slice, ...content, metadata })
  }
  for (const content of create) {
    const ownerReferences = [controllerReference(services, service)]
    const metadata = { namespace, generateName: `${name}-`, labels, ownerReferences }
    await api.create(endpointSlices, { metadata, ...content })
  }
  for (const { metadata } of remove) {
    await api.delete(endpointSlices, { namespace, name: metadata.name })
  }
  await relabel(api, labels, { present, written: [...update.map(({ slice }) => slice), ...remove] })
}

async function relabel(
  api: ClusterApi,
  labels: Readonly<Record<string, string>>,
  slices: {
    readonly present: readonly EndpointSlice[]
    readonly written: readonly EndpointSlice[]
  },
): Promise<void> {
  for (const slice of slices.present) {
    if (slices.written.includes(slice) || deepEqual(slice.metadata.labels, labels)) continue
    await api.update(endpointSlices, { ...slice, metadata: { ...slice.metadata, labels } })
  }
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [headlessLabel]: _headless, ...labels } = service.metadata.labels ?? {}
  return {
    ...labels,
    ...(isHeadless(service) && { [headlessLabel]: '' }),
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
  }
}
