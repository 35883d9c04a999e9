// SPDX-License-Identifier: Apache-2.0
// What stands behind a Service: for each of its pods the address, whether it is ready, and which of its
// ports the Service's ports lead to.
import type { Pod, Service, ServicePort } from '../../../kube/types.gen.ts'
import { isPodReady, isPodTerminal } from '../workload/pod-facts.ts'

/** A port of the Service and the number that it has in one pod. */
export interface BackendPort {
  readonly name: string
  readonly port: number
  readonly protocol: string
  readonly appProtocol?: string
}

export interface Backend {
  readonly pod: Pod
  readonly ports: readonly BackendPort[]
  readonly hostname?: string
}

/** Whether the Service's endpoints are made here: it selects pods and is no alias. */
export function hasEndpoints({ spec }: Service): boolean {
  return spec.selector !== undefined && spec.type !== 'ExternalName'
}

/** Whether a Service has no address of its own. */
export function isHeadless({ spec }: Service): boolean {
  return (spec.clusterIP ?? '') === '' || spec.clusterIP === 'None'
}

/** Whether the pod has an address that traffic may go to, now or when it is ready. */
export function isBackend(pod: Pod, includesTerminating: boolean): boolean {
  const { podIP = '', podIPs = [] } = pod.status ?? {}
  if (isPodTerminal(pod) || (podIP === '' && podIPs.length === 0)) return false
  return includesTerminating || pod.metadata.deletionTimestamp === undefined
}

/** The pod as the Service sees it. */
export function backendOf(service: Service, pod: Pod): Backend {
  const { hostname = '', subdomain } = pod.spec
  const isNamed = hostname !== '' && subdomain === service.metadata.name
  const ports = (service.spec.ports ?? []).flatMap((port) => {
    const number = portIn(pod, port)
    if (number === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = port
    return [{ name, port: number, protocol, ...(appProtocol !== undefined && { appProtocol }) }]
  })
  return { pod, ports, ...(isNamed && { hostname }) }
}

/** The pod's first address of a family, in the order of its status. */
export function addressOf({ status }: Pod, family: 'IPv4' | 'IPv6'): string | undefined {
  const all = status?.podIPs ?? (status?.podIP === undefined ? [] : [{ ip: status.podIP }])
  return all.map(({ ip }) => ip).find((ip) => familyOf(ip) === family)
}

/** The families that the Service serves, the main one first. */
export function familiesOf({ spec }: Service, pods: readonly Pod[]): readonly ('IPv4' | 'IPv6')[] {
  const given = (spec.ipFamilies ?? []).filter((one) => one === 'IPv4' || one === 'IPv6')
  if (given.length > 0) return given
  const { clusterIP = '' } = spec
  if (clusterIP !== '' && clusterIP !== 'None') return [familyOf(clusterIP)]
  return [familyOf(pods[0]?.status?.podIP ?? '')]
}

/** Whether the backend takes traffic. */
export function isServing(service: Service, pod: Pod): boolean {
  return service.spec.publishNotReadyAddresses === true || isPodReady(pod)
}

function familyOf(ip: string): 'IPv4' | 'IPv6' {
  return ip.includes(':') ? 'IPv6' : 'IPv4'
}

function portIn(
  { spec }: Pod,
  { targetPort, port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port
  if (typeof targetPort === 'number') return targetPort
  const sidecars = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  )
  for (const { ports = [] } of [...spec.containers, ...sidecars]) {
    const found = ports.find(
      (one) => one.name === targetPort && (one.protocol ?? 'TCP') === protocol,
    )
    if (found) return found.containerPort
  }
  return undefined
}
