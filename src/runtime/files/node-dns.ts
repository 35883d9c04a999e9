// SPDX-License-Identifier: Apache-2.0
// What the node itself knows of DNS: its settings, and the file of its own resolver.
import { readFile } from 'node:fs/promises'
import type { NodeDns, ProviderHost } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'
import { parseResolvConf, type DnsConfig } from './resolv-conf.ts'

const unconfigured: NodeDns = { clusterDomain: 'cluster.local', clusterDNS: [] }

/** Where systemd-resolved lists the servers that it asks. */
const upstreamFile = '/run/systemd/resolve/resolv.conf'
const stubAddress = '127.0.0.53'

/** The node's settings of DNS. */
export function dnsOf({ dns }: Pick<ProviderHost, 'dns'>): NodeDns {
  return dns ?? unconfigured
}

/**
 * What the node's own resolver file says; undefined where pods are to have nothing of it. Rejects when the
 * file that was named cannot be used.
 */
export async function readNodeDns(
  { resolvConf }: NodeDns,
  files: { readonly standard: string; readonly upstream: string } = {
    standard: '/etc/resolv.conf',
    upstream: upstreamFile,
  },
): Promise<DnsConfig | undefined> {
  if (resolvConf === '') return undefined
  if (resolvConf !== undefined) return parseResolvConf(await readNamed(resolvConf))
  const standard = parseResolvConf(await readFile(files.standard, 'utf8').catch(() => ''))
  // A pod with a network of its own does not reach the stub that systemd-resolved has on loopback.
  const isStub = standard.servers.length > 0 && standard.servers.every((ip) => ip === stubAddress)
  const upstream = isStub ? await readFile(files.upstream, 'utf8').catch(() => '') : ''
  return upstream === '' ? standard : parseResolvConf(upstream)
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new VkError('Unavailable', `Cannot read the file of --resolv-conf: ${why}`, { cause })
  }
}
