// SPDX-License-Identifier: Apache-2.0
// To which addresses of pods this server connects on somebody's behalf. Whoever may write the status of a
// pod names its address: it must not lead to the programs of this machine or to a cloud's metadata.
import { BlockList, isIP } from 'node:net'

const localOnly = new BlockList()
for (const [network, prefix, family] of [
  ['0.0.0.0', 32, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['255.255.255.255', 32, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
] as const) {
  localOnly.addSubnet(network, prefix, family)
}

/**
 * Whether pods with this address are proxied to. One that others cannot reach is so only when it is also
 * the node's own: then the whole cluster is this machine, and pods share its network.
 */
export function isProxyable(podIP: string, nodeAddresses: readonly string[]): boolean {
  const version = isIP(podIP)
  if (version === 0) return false
  return nodeAddresses.includes(podIP) || !localOnly.check(podIP, version === 4 ? 'ipv4' : 'ipv6')
}
