// SPDX-License-Identifier: Apache-2.0
// Judges how a pod sees the network: name servers, hosts, ports of the host.
import type { HostAlias, PodSpec } from '../../../kube/types.gen.ts'
import { invalidValue, required, type FieldError } from '../../objects/field-error.ts'
import { patternFault, tooManyCharacters } from '../meta/name-rules.ts'
import { validateIp } from '../meta/validate-ip.ts'
import { validateDnsSubdomain } from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'

const maxNameservers = 3
const maxSearches = 32
const maxSearchCharacters = 2048

export function* validatePodDns(spec: PodSpec, path: string): Iterable<FieldError> {
  const { dnsConfig, dnsPolicy } = spec
  const nameservers = listOf(dnsConfig?.nameservers)
  const searches = listOf(dnsConfig?.searches)
  if (dnsPolicy === 'None' && isMissing(dnsConfig)) {
    yield required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')
    return
  }
  if (dnsPolicy === 'None' && nameservers.length === 0) {
    const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
    yield required(`${path}.nameservers`, why)
    return
  }
  if (isMissing(dnsConfig)) return
  if (nameservers.length > maxNameservers) {
    const why = `must not have more than ${maxNameservers} nameservers`
    yield invalidValue(`${path}.nameservers`, nameservers, why)
  }
  for (const [index, ip] of nameservers.entries()) {
    yield* validateIp(textOf(ip), `${path}.nameservers[${index}]`)
  }
  if (searches.length > maxSearches) {
    const why = `must not have more than ${maxSearches} search paths`
    yield invalidValue(`${path}.searches`, searches, why)
  }
  if (searches.join(' ').length > maxSearchCharacters) {
    const why = `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`
    yield invalidValue(`${path}.searches`, searches, why)
  }
  for (const [index, search] of searches.entries()) {
    yield* validateSearch(textOf(search), `${path}.searches[${index}]`)
  }
  for (const [index, option] of listOf(dnsConfig.options).entries()) {
    if (textOf(option.name) === '') yield required(`${path}.options[${index}]`, 'must not be empty')
  }
}

const searchLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const searchForm = `${searchLabel}(\\.${searchLabel})*`
const searchPattern = new RegExp(`^${searchForm}$`)

/** Like a DNS subdomain, but underscores and a last dot are allowed. */
function* validateSearch(search: string, path: string): Iterable<FieldError> {
  if (search === '.') return
  const text = search.endsWith('.') ? search.slice(0, -1) : search
  if (text.length > 253) yield invalidValue(path, text, tooManyCharacters(253))
  if (searchPattern.test(text)) return
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character"
  yield invalidValue(path, text, patternFault(rule, searchForm, 'example.com'))
}

export function* validateHostAliases(
  aliases: readonly HostAlias[],
  path: string,
): Iterable<FieldError> {
  for (const [index, alias] of listOf(aliases).entries()) {
    yield* validateIp(textOf(alias.ip), `${path}[${index}].ip`)
    for (const [position, name] of listOf(alias.hostnames).entries()) {
      yield* validateDnsSubdomain(textOf(name), `${path}[${index}].hostnames[${position}]`)
    }
  }
}

/** On the host's network a port is the same inside and outside. */
export function* validateHostNetwork(
  spec: PodSpec,
  path: string,
  isPod: boolean,
): Iterable<FieldError> {
  if (spec.hostNetwork !== true) return
  for (const [index, container] of listOf(spec.containers).entries()) {
    for (const [position, port] of listOf(container.ports).entries()) {
      const hostPort = port.hostPort ?? 0
      if (hostPort === (port.containerPort ?? 0) || (hostPort === 0 && !isPod)) continue
      const at = `${path}.containers[${index}].ports[${position}].hostPort`
      yield invalidValue(at, hostPort, 'must match `containerPort` when `hostNetwork` is true')
    }
  }
}
