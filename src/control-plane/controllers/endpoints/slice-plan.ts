// SPDX-License-Identifier: Apache-2.0
// How a Service's backends are divided into EndpointSlices: by address family and ports, at most a
// hundred in one, and as little as possible moved between those that are there.
import type { Node, Pod, Service } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import { isPodReady } from '../workload/pod-facts.ts'
import type { EndpointSlice, SliceEndpoint, SlicePort } from './endpoint-slice.ts'
import { addressOf, backendOf, familiesOf, isBackend, isHeadless } from './service-backends.ts'
import type { Backend } from './service-backends.ts'

/** What a slice shall hold. */
export interface SliceContent {
  readonly addressType: 'IPv4' | 'IPv6'
  readonly ports: readonly SlicePort[]
  readonly endpoints: readonly SliceEndpoint[]
}

export interface SlicePlan {
  readonly create: readonly SliceContent[]
  readonly update: readonly { readonly slice: EndpointSlice; readonly content: SliceContent }[]
  readonly remove: readonly EndpointSlice[]
}

export const maxEndpoints = 100

/** The contents for the pods that the Service selects. */
export function sliceContents(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): readonly SliceContent[] {
  // Slices name terminating pods too; their conditions tell.
  const backends = pods.filter((pod) => isBackend(pod, true)).map((pod) => backendOf(service, pod))
  const isPortless = (service.spec.ports ?? []).length === 0
  return familiesOf(service, pods).flatMap((addressType) => {
    const groups = new Map<string, { ports: readonly SlicePort[]; endpoints: SliceEndpoint[] }>()
    for (const backend of backends) {
      const ip = addressOf(backend.pod, addressType)
      const isUsed = backend.ports.length > 0 || (isPortless && isHeadless(service))
      if (ip === undefined || !isUsed) continue
      const key = JSON.stringify(backend.ports)
      const group = groups.get(key) ?? { ports: backend.ports, endpoints: [] }
      group.endpoints.push(endpointOf(service, backend, { ip, nodeOf }))
      groups.set(key, group)
    }
    const contents = [...groups.values()].flatMap(({ ports, endpoints }) =>
      chunksOf(endpoints).map((chunk) => ({ addressType, ports, endpoints: chunk })),
    )
    // A Service without backends has one empty slice, so that clients see that it was looked at.
    return contents.length > 0 ? contents : [{ addressType, ports: [], endpoints: [] }]
  })
}

/** What has to be written for the slices to hold the contents. */
export function planSlices(
  contents: readonly SliceContent[],
  slices: readonly EndpointSlice[],
): SlicePlan {
  const free = new Set(slices)
  const open: SliceContent[] = []
  for (const content of contents) {
    const same = [...free].find((slice) => isSame(slice, content))
    if (same) free.delete(same)
    else open.push(content)
  }
  const create: SliceContent[] = []
  const update: { readonly slice: EndpointSlice; readonly content: SliceContent }[] = []
  for (const content of open) {
    const slice =
      [...free].find(
        (one) =>
          one.addressType === content.addressType && deepEqual(one.ports ?? [], content.ports),
      ) ?? [...free].find((one) => one.addressType === content.addressType)
    if (slice) {
      free.delete(slice)
      update.push({ slice, content })
    } else create.push(content)
  }
  return { create, update, remove: [...free] }
}

function isSame(slice: EndpointSlice, content: SliceContent): boolean {
  return (
    slice.addressType === content.addressType &&
    deepEqual(slice.ports ?? [], content.ports) &&
    deepEqual(slice.endpoints ?? [], content.endpoints)
  )
}

function chunksOf(endpoints: readonly SliceEndpoint[]): readonly (readonly SliceEndpoint[])[] {
  const chunks = []
  for (let start = 0; start < endpoints.length; start += maxEndpoints) {
    chunks.push(endpoints.slice(start, start + maxEndpoints))
  }
  return chunks
}

function endpointOf(
  service: Service,
  { pod, hostname }: Backend,
  { ip, nodeOf }: { readonly ip: string; readonly nodeOf: (name: string) => Node | undefined },
): SliceEndpoint {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata
  const { nodeName } = pod.spec
  const serving = isPodReady(pod)
  const terminating = deletionTimestamp !== undefined
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const zone = nodeOf(nodeName ?? '')?.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
  return {
    addresses: [ip],
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && { hostname }),
    ...(nodeName !== undefined && { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(zone !== '' && { zone }),
  }
}
