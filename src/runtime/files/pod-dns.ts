// SPDX-License-Identifier: Apache-2.0
// How a pod resolves names: from its dnsPolicy, the node's settings and its own dnsConfig, within the
// limits that resolvers have. What is left out on the way is told by an event, in the kubelet's words.
import type { RecordedEvent } from '../../kube/event-recorder.ts'
import type { Pod, PodDNSConfig } from '../../kube/types.gen.ts'
import type { NodeDns } from '../../provider/provider.ts'
import { optionName, type DnsConfig } from './resolv-conf.ts'

export interface PodDns {
  readonly config: DnsConfig
  /** About the pod. */
  readonly events: readonly RecordedEvent[]
  /** About the node. */
  readonly nodeEvents: readonly RecordedEvent[]
}

export interface DnsContext {
  readonly node: NodeDns
  /** What the node's own file says; undefined where pods are to have nothing of it. */
  readonly nodeConfig: DnsConfig | undefined
  readonly nodeIPs: readonly string[]
}

type PodLike = Pick<Pod, 'metadata' | 'spec'>

const empty: DnsConfig = { servers: [], searches: [], options: [] }
const maxServers = 3
/** Domains of a search line, the length of each, and of all with the blanks between them. */
export const maxSearches = 32
export const maxSearchLength = 253
export const maxSearchLine = 2048

/** The pod's resolver. */
export function podDns(pod: PodLike, context: DnsContext): PodDns {
  const { clusterDNS } = context.node
  const kind = kindOf(pod)
  const servers = clusterDNS === 'none' ? [] : clusterDNS
  const lacksCluster = kind === 'cluster' && servers.length === 0
  const base =
    kind === 'none'
      ? empty
      : kind === 'node' || lacksCluster
        ? nodeDns(context)
        : clusterDns(pod, servers, context)
  const wished = withPodConfig(base, pod.spec.dnsConfig)
  const missing = lacksCluster && clusterDNS !== 'none' ? [missingClusterDns()] : []
  const limited = withinLimits(wished)
  const prefix = `pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})". `
  return {
    config: limited.config,
    events: [
      ...missing.map((event) => ({ ...event, message: prefix + event.message })),
      ...limited.events,
    ],
    nodeEvents: missing,
  }
}

function kindOf({ spec }: PodLike): 'cluster' | 'node' | 'none' {
  switch (spec.dnsPolicy) {
    case 'None':
      return 'none'
    case 'Default':
      return 'node'
    case 'ClusterFirstWithHostNet':
      return 'cluster'
    default:
      return spec.hostNetwork === true ? 'node' : 'cluster'
  }
}

function clusterDns(
  { metadata }: PodLike,
  servers: readonly string[],
  { node: { clusterDomain: domain }, nodeConfig = empty }: DnsContext,
): DnsConfig {
  const own = domain === '' ? [] : [`${metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain]
  const searches =
    domain === '' ? nodeConfig.searches : withoutRepeats([...own, ...nodeConfig.searches])
  return { servers, searches, options: ['ndots:5'] }
}

/** A machine without resolver configuration has, by its resolver's custom, a server of its own. */
function nodeDns({ nodeConfig, nodeIPs }: DnsContext): DnsConfig {
  if (nodeConfig) return nodeConfig
  const servers = nodeIPs.map((ip) => (ip.includes(':') ? '::1' : '127.0.0.1'))
  return { servers: servers.length > 0 ? servers : ['127.0.0.1'], searches: ['.'], options: [] }
}

function withPodConfig(base: DnsConfig, own: PodDNSConfig | undefined): DnsConfig {
  if (!own) return base
  const options = new Map(base.options.map((option) => [optionName(option), option]))
  for (const { name = '', value } of own.options ?? []) {
    options.set(name, value ? `${name}:${value}` : name)
  }
  return {
    servers: withoutRepeats([...base.servers, ...(own.nameservers ?? [])]),
    searches: withoutRepeats([...base.searches, ...(own.searches ?? [])]),
    options: [...options.values()],
  }
}

function withinLimits(wished: DnsConfig): Pick<PodDns, 'config' | 'events'> {
  const servers = wished.servers.slice(0, maxServers)
  const searches = fittingSearches(wished.searches)
  const events: RecordedEvent[] = []
  if (servers.length < wished.servers.length) {
    const line = `the applied nameserver line is: ${servers.join(' ')}`
    events.push(
      forming(`Nameserver limits were exceeded, some nameservers have been omitted, ${line}`),
    )
  }
  if (searches.length < wished.searches.length) {
    const line = `the applied search line is: ${searches.join(' ')}`
    events.push(
      forming(`Search Line limits were exceeded, some search paths have been omitted, ${line}`),
    )
  }
  return { config: { ...wished, servers, searches }, events }
}

function fittingSearches(wished: readonly string[]): readonly string[] {
  const searches = wished.slice(0, maxSearches).filter((one) => one.length <= maxSearchLength)
  while (searches.join(' ').length > maxSearchLine) searches.pop()
  return searches
}

function forming(message: string): RecordedEvent {
  return { type: 'Warning', reason: 'DNSConfigForming', message }
}

function missingClusterDns(): RecordedEvent {
  const message =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" ' +
    'policy. Falling back to "Default" policy.'
  return { type: 'Warning', reason: 'MissingClusterDNS', message }
}

function withoutRepeats(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
