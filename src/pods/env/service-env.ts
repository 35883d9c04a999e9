// SPDX-License-Identifier: Apache-2.0
// The variables that tell a container where the services of its namespace are, in the style that
// Docker links began and Kubernetes kept.
import type { Pod, Service } from '../../kube/types.gen.ts'

/** One variable: its name and its value. */
export type EnvEntry = readonly [name: string, value: string]

/** How service variables of one pod are made. */
export interface ServiceEnvOptions {
  readonly services: readonly Service[]
  /** Stands in for the address of `default/kubernetes`. */
  readonly podApiServer?: { readonly host: string; readonly port: number }
}

interface Link {
  readonly name: string
  readonly address: string
  readonly ports: readonly LinkPort[]
}

interface LinkPort {
  readonly name?: string
  readonly port: number
  readonly protocol?: string
}

// Services change rarely and are asked for at every container start.
const entriesOfService = new WeakMap<Service, readonly EnvEntry[]>()

/** Service variables for a pod; headless services have none. */
export function serviceEnv(pod: Pod, options: ServiceEnvOptions): ReadonlyMap<string, string> {
  const variables = new Map<string, string>()
  for (const service of linkedServices(pod, options.services)) {
    for (const [name, value] of entriesOf(service)) variables.set(name, value)
  }
  if (options.podApiServer) replaceApiServer(variables, options.podApiServer)
  return variables
}

/** By name, so that a pod's own service `kubernetes` wins over the API server's, as in the kubelet. */
function linkedServices(pod: Pod, services: readonly Service[]): Iterable<Service> {
  const linked = new Map<string, Service>()
  const { namespace } = pod.metadata
  const takesLinks = pod.spec.enableServiceLinks ?? true
  for (const service of services) {
    const { name } = service.metadata
    const isOwn = service.metadata.namespace === namespace && takesLinks
    const isApiServer = service.metadata.namespace === 'default' && name === 'kubernetes'
    if (!hasAddress(service)) continue
    if (isOwn || (isApiServer && !linked.has(name))) linked.set(name, service)
  }
  return linked.values()
}

function hasAddress(service: Service): boolean {
  const address = service.spec?.clusterIP
  return address !== undefined && address !== '' && address !== 'None'
}

function entriesOf(service: Service): readonly EnvEntry[] {
  const known = entriesOfService.get(service)
  if (known) return known
  const { clusterIP = '', ports = [] } = service.spec ?? {}
  const entries = linkEntries({ name: service.metadata.name, address: clusterIP, ports })
  entriesOfService.set(service, entries)
  return entries
}

function linkEntries({ name, address, ports }: Link): readonly EnvEntry[] {
  const prefix = variableName(name)
  const [first] = ports
  const entries: EnvEntry[] = [[`${prefix}_SERVICE_HOST`, address]]
  if (!first) return entries
  entries.push([`${prefix}_SERVICE_PORT`, String(first.port)])
  for (const { name: portName, port } of ports) {
    if (portName) entries.push([`${prefix}_SERVICE_PORT_${variableName(portName)}`, String(port)])
  }
  entries.push([`${prefix}_PORT`, urlOf(address, first)])
  for (const port of ports) {
    const { protocol = 'TCP' } = port
    const portPrefix = `${prefix}_PORT_${port.port}_${protocol}`
    entries.push(
      [portPrefix, urlOf(address, port)],
      [`${portPrefix}_PROTO`, protocol.toLowerCase()],
      [`${portPrefix}_PORT`, String(port.port)],
      [`${portPrefix}_ADDR`, address],
    )
  }
  return entries
}

function replaceApiServer(
  variables: Map<string, string>,
  { host, port }: { readonly host: string; readonly port: number },
): void {
  for (const name of variables.keys()) {
    if (/^KUBERNETES_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_|$)/.test(name)) variables.delete(name)
  }
  const link = { name: 'kubernetes', address: host, ports: [{ name: 'https', port }] }
  for (const [name, value] of linkEntries(link)) variables.set(name, value)
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}

function urlOf(address: string, { port, protocol = 'TCP' }: LinkPort): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `${protocol.toLowerCase()}://${host}:${port}`
}
