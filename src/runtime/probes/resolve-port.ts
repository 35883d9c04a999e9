// SPDX-License-Identifier: Apache-2.0
// Where a probe or a hook goes: the pod's address, and a port by its number or by the name of one of the
// container's own.
import type { Container } from '../../kube/types.gen.ts'

/** The number of the port; throws with a kubelet's words when there is none. */
export function resolvePort(port: number | string, { ports = [] }: Container): number {
  const named = ports.find(({ name }) => name === port)?.containerPort
  const number = named ?? (typeof port === 'number' ? port : parsed(port))
  if (number > 0 && number < 65_536) return number
  throw new Error(`invalid port number: ${number}`)
}

/**
 * Where a probe or a hook goes; throws when the pod has no address of its own. An empty one would lead to
 * this machine's own services.
 */
export function resolveHost(host: string | undefined, podIP: string): string {
  const found = host || podIP
  if (found !== '') return found
  throw new Error('the pod has no address')
}

/** `host:port`, with an IPv6 address in brackets. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function parsed(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text)
  throw new Error(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
}
