// SPDX-License-Identifier: Apache-2.0
// What follows from the type of a Service.
import type { ServiceSpec } from '../../../kube/types.gen.ts'
import { listOf } from '../read-json.ts'

/** Whether it has an address inside the cluster: all but names of hosts outside. */
export function needsClusterIp({ type }: ServiceSpec): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer'
}

/** Whether nodes listen for it. */
export function needsNodePort(spec: ServiceSpec): boolean {
  if (spec.type === 'NodePort') return true
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false
}

/** Whether it can be reached from outside. */
export function isExternal({ type, externalIPs }: ServiceSpec): boolean {
  if (type === 'LoadBalancer' || type === 'NodePort') return true
  return type === 'ClusterIP' && listOf(externalIPs).length > 0
}

/** Whether it has no address by its own wish. */
export function isHeadless({ clusterIPs }: ServiceSpec): boolean {
  const ips = listOf(clusterIPs)
  return ips.length === 1 && ips[0] === 'None'
}

/** Whether a port tells load balancers that the node has pods of it. */
export function needsHealthPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
}
