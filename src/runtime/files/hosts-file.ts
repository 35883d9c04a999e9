// SPDX-License-Identifier: Apache-2.0
// The text of a pod's /etc/hosts, byte for byte the kubelet's: people and tests look for its first line.
import type { HostAlias } from '../../kube/types.gen.ts'
import type { PodHostname } from './pod-hostname.ts'

const managedHeader = '# Kubernetes-managed hosts file.\n'
const hostNetworkHeader = '# Kubernetes-managed hosts file (host network).\n'

const fixedLines = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
]

/** For a pod with addresses of its own. */
export function managedHosts(
  { hostname, domain }: PodHostname,
  { podIPs, aliases = [] }: { podIPs: readonly string[]; aliases?: readonly HostAlias[] },
): string {
  const names = domain === '' ? hostname : `${hostname}.${domain}\t${hostname}`
  const own = podIPs.map((ip) => `${ip}\t${names}`)
  return managedHeader + linesOf([...fixedLines, ...own]) + aliasLines(aliases)
}

/** For a pod on the host's network: what the node's own file says, and the pod's aliases. */
export function hostNetworkHosts(nodeHosts: string, aliases: readonly HostAlias[] = []): string {
  return hostNetworkHeader + nodeHosts + aliasLines(aliases)
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return ''
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`)
  return `\n${linesOf(['# Entries added by HostAliases.', ...lines])}`
}

function linesOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
