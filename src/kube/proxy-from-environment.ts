// SPDX-License-Identifier: Apache-2.0
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY as Kubernetes' other clients read them.
import { BlockList, isIP } from 'node:net'

/** The proxy for `server`, if the environment names one. */
export function proxyFromEnvironment(server: string, env: NodeJS.ProcessEnv): string | undefined {
  const { protocol, hostname, port } = new URL(server)
  const host = hostname.replace(/^\[|\]$/g, '')
  const name = protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const proxy = env[name.toUpperCase()] || env[name]
  if (!proxy || isLocal(host)) return undefined
  const url = proxy.includes('://') ? proxy : `http://${proxy}`
  if (!URL.canParse(url)) return undefined
  const exceptions = (env['NO_PROXY'] || env['no_proxy'] || '').split(/[\s,]+/)
  const target = { host, port: port || (protocol === 'https:' ? '443' : '80') }
  return exceptions.some((exception) => covers(exception, target)) ? undefined : url
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function covers(
  exception: string,
  { host, port }: { readonly host: string; readonly port: string },
): boolean {
  if (exception === '') return false
  if (exception === '*') return true
  if (exception.includes('/')) return isInNetwork(host, exception)
  const [, name = exception, onlyPort] = /^(.*[^:]):(\d+)$/.exec(exception) ?? []
  if (onlyPort !== undefined && onlyPort !== port && isIP(exception) === 0) return false
  const domain = (isIP(exception) === 0 ? name : exception).toLowerCase().replace(/^\*?\./, '')
  return host === domain || host.endsWith(`.${domain}`)
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits] = network.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(host) === 0 || isIP(address) !== isIP(host)) return false
  const list = new BlockList()
  try {
    list.addSubnet(address, Number(bits), family)
  } catch {
    // No network at all: it covers nothing.
    return false
  }
  return list.check(host, family)
}
