// SPDX-License-Identifier: Apache-2.0
// The subsets of an Endpoints object: addresses grouped so that each group has the same ports.
import type { EndpointAddress, EndpointSubset, Pod, Service } from '../../../kube/types.gen.ts'
import {
  addressOf,
  backendOf,
  familiesOf,
  isBackend,
  isHeadless,
  isServing,
} from './service-backends.ts'
import type { Backend, BackendPort } from './service-backends.ts'

/** An Endpoints object holds no more addresses than this. */
export const maxAddresses = 1000

/** The subsets for the pods that the Service selects, always in the same order. */
export function endpointSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const includesTerminating = service.spec.publishNotReadyAddresses === true
  const backends = pods
    .filter((pod) => isBackend(pod, includesTerminating))
    .map((pod) => backendOf(service, pod))
  const [family = 'IPv4'] = familiesOf(service, pods)
  const isPortless = (service.spec.ports ?? []).length === 0
  const groups = new Map<
    string,
    { readonly ports: readonly BackendPort[]; readonly all: Backend[] }
  >()
  for (const backend of backends) {
    const isUsed = backend.ports.length > 0 || (isPortless && isHeadless(service))
    if (!isUsed || addressOf(backend.pod, family) === undefined) continue
    const key = JSON.stringify(backend.ports)
    const group = groups.get(key) ?? { ports: backend.ports, all: [] }
    group.all.push(backend)
    groups.set(key, group)
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, all }]) => subset(service, { ports, all, family }))
}

function subset(
  service: Service,
  group: {
    readonly ports: readonly BackendPort[]
    readonly all: readonly Backend[]
    readonly family: 'IPv4' | 'IPv6'
  },
): EndpointSubset {
  const { ports, all, family } = group
  const addressesOf = (isReady: boolean): readonly EndpointAddress[] =>
    all
      .filter(({ pod }) => isServing(service, pod) === isReady)
      .map((backend) => address(backend, addressOf(backend.pod, family) ?? ''))
      .sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0))
      .slice(0, maxAddresses)
  const [addresses, notReadyAddresses] = [addressesOf(true), addressesOf(false)]
  return {
    ...(addresses.length > 0 && { addresses }),
    ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
    ...(ports.length > 0 && {
      ports: ports.map(({ name, ...port }) => ({ ...(name !== '' && { name }), ...port })),
    }),
  }
}

function address({ pod, hostname }: Backend, ip: string): EndpointAddress {
  const { namespace, name, uid } = pod.metadata
  const { nodeName } = pod.spec
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(nodeName !== undefined && { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}
