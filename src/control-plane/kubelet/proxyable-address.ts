// SPDX-License-Identifier: Apache-2.0
// To which addresses of pods this server connects on somebody's behalf. Whoever may write the status of a
// pod names its address: it must not lead to the programs of this machine or to a cloud's metadata.
import { BlockList, isIP } from 'node:net'

type Network = readonly [address: string, prefix: number, family: 'ipv4' | 'ipv6']

const nobodys = blockList([
  ['0.0.0.0', 32, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['255.255.255.255', 32, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
])
const loopback = blockList([
  ['127.0.0.0', 8, 'ipv4'],
  ['::1', 128, 'ipv6'],
])

/**
 * Whether pods with this address are proxied to. A loopback address is so only when a node has it, too: then
 * the whole cluster is this machine, and pods share its network.
 */
export function isProxyable(podIP: string, nodeAddresses: readonly string[]): boolean {
  const version = isIP(podIP)
  if (version === 0) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (nobodys.check(podIP, family)) return false
  return !loopback.check(podIP, family) || nodeAddresses.includes(podIP)
}

function blockList(networks: readonly Network[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix, family] of networks) list.addSubnet(address, prefix, family)
  return list
}
