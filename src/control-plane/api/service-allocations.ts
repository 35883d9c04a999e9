// SPDX-License-Identifier: Apache-2.0
// Which addresses and ports are taken is read from the Services themselves at every allocation: creates
// are one synchronous step, so that nobody else can be given the same in between, and nothing has to be
// released. There are few Services, and they are made rarely.
import type { Service } from '../../kube/types.gen.ts'
import { withAllocations } from '../resources/services/allocate-service.ts'
import type { ServicePool } from '../resources/services/allocate-service.ts'
import type { Store } from '../storage/store.ts'
import type { ApiCore } from './api-core.ts'

/** The network of Services' addresses; that of the Service `kubernetes` is its first. */
const serviceNetwork = '10.96.0.0/16'
const nodePorts = { min: 30_000, max: 32_767 }

/** Gives Services the addresses and ports that they lack; everything else is left as it is. */
export function serviceAllocations(store: Store): ApiCore['allocate'] {
  return (object, { storage }) =>
    storage === 'services' ? withAllocations(object, poolOf(store)) : object
}

function poolOf(store: Store): ServicePool {
  const takenIps = new Set<string>()
  const takenNodePorts = new Set<number>()
  for (const { object } of store.list('services').items) {
    const { spec } = object as unknown as Service
    if (spec.clusterIP) takenIps.add(spec.clusterIP)
    for (const { nodePort } of spec.ports ?? []) if (nodePort) takenNodePorts.add(nodePort)
    if (spec.healthCheckNodePort) takenNodePorts.add(spec.healthCheckNodePort)
  }
  return { cidr: serviceNetwork, takenIps, nodePorts, takenNodePorts }
}
