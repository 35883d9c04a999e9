// SPDX-License-Identifier: Apache-2.0
// The resolver's configuration as text and as lists, read as leniently as a kubelet does.
import { VkError } from '../../util/vk-error.ts'

export interface DnsConfig {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  /** `name` or `name:value`, each name once. */
  readonly options: readonly string[]
}

/** Reads a file: servers add up, of several search lines the last counts, options replace each other by name. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = []
  let searches: readonly string[] = []
  const options = new Map<string, string>()
  for (const line of text.split('\n')) {
    const trimmed = line.trim()
    if (trimmed.startsWith('#')) continue
    const [keyword, ...values] = trimmed.split(/\s+/)
    if (keyword === 'nameserver') servers.push(serverOf(values))
    if (keyword === 'search') searches = searchesOf(values)
    if (keyword === 'options') for (const one of values) options.set(optionName(one), one)
  }
  return { servers, searches, options: [...options.values()] }
}

/** The file of these lists. */
export function resolvConfText({ servers, searches, options }: DnsConfig): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** `ndots` of `ndots:5`. */
export function optionName(option: string): string {
  return option.split(':', 1)[0] ?? option
}

function serverOf([address]: readonly string[]): string {
  if (address !== undefined) return address
  const message =
    'Encountered error while parsing resolv conf file. Error: nameserver list is empty '
  throw new VkError('Invalid', message)
}

/** With and without a final dot a domain is the same one; the root alone searches nothing. */
function searchesOf(values: readonly string[]): readonly string[] {
  return values.filter((one) => one !== '.').map((one) => one.replace(/\.$/, ''))
}
