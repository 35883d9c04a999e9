// SPDX-License-Identifier: Apache-2.0
// What a node knows of DNS when nobody has told it anything.
import type { NodeDns, ProviderHost } from '../../provider/provider.ts'

const unconfigured: NodeDns = { clusterDomain: 'cluster.local', clusterDNS: [] }

/** The node's settings of DNS. */
export function dnsOf({ dns }: Pick<ProviderHost, 'dns'>): NodeDns {
  return dns ?? unconfigured
}
