// SPDX-License-Identifier: Apache-2.0
// Endpoints and EndpointSlices: where the pods of a Service can be reached.
import { isIP } from 'node:net'
import type {
  EndpointAddress,
  EndpointPort,
  Endpoints,
  EndpointSubset,
} from '../../../kube/types.gen.ts'
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  tooMany,
  type FieldError,
} from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy, hasSameContent } from '../generic-strategy.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import { validateIp } from '../meta/validate-ip.ts'
import {
  isImmutable,
  validateDnsLabel,
  validateDnsSubdomain,
  validateOneOf,
  validatePort,
} from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapItems, withDefaults, withField } from '../share-structure.ts'
import { validateEndpointIp } from '../services/validate-service-ips.ts'

export const endpointsStrategy: Strategy = genericStrategy({
  allowsCreateOnUpdate: true,
  applyDefaults: (object) => {
    const { subsets } = asKind<Endpoints>(object)
    const change = (subset: EndpointSubset): EndpointSubset =>
      withField(
        subset,
        'ports',
        mapItems(subset.ports, (port) => withDefaults(port, { protocol: 'TCP' })),
      )
    return withField(object, 'subsets', mapItems(subsets, change))
  },
  validate: (object) => validateSubsets(listOf(asKind<Endpoints>(object).subsets)),
  validateUpdate: (next, old) =>
    isSemanticallyEqual(next['subsets'], old['subsets'])
      ? []
      : validateSubsets(listOf(asKind<Endpoints>(next).subsets)),
  warnings: () => ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
})

const protocols = ['SCTP', 'TCP', 'UDP']

function* validateSubsets(subsets: readonly EndpointSubset[]): Iterable<FieldError> {
  for (const [index, subset] of subsets.entries()) {
    const path = `subsets[${index}]`
    const lists = { addresses: subset.addresses, notReadyAddresses: subset.notReadyAddresses }
    if (Object.values(lists).every((list) => listOf(list).length === 0)) {
      yield required(path, 'must specify `addresses` or `notReadyAddresses`')
    }
    for (const [field, list] of Object.entries(lists)) {
      for (const [position, address] of listOf(list).entries()) {
        yield* validateAddress(address, `${path}.${field}[${position}]`)
      }
    }
    const ports = listOf(subset.ports)
    for (const [position, port] of ports.entries()) {
      yield* validateEndpointPort(port, `${path}.ports[${position}]`, ports.length > 1)
    }
  }
}

function* validateAddress(address: EndpointAddress, path: string): Iterable<FieldError> {
  const ip = textOf(address.ip)
  yield* validateIp(ip, `${path}.ip`)
  const hostname = textOf(address.hostname)
  if (hostname !== '') yield* validateDnsLabel(hostname, `${path}.hostname`)
  if (!isMissing(address.nodeName)) {
    yield* validateDnsSubdomain(textOf(address.nodeName), `${path}.nodeName`)
  }
  yield* validateEndpointIp(ip, `${path}.ip`)
}

function* validateEndpointPort(
  port: EndpointPort,
  path: string,
  requiresName: boolean,
): Iterable<FieldError> {
  const name = textOf(port.name)
  if (name !== '') yield* validateDnsLabel(name, `${path}.name`)
  else if (requiresName) yield required(`${path}.name`)
  yield* validatePort(port.port ?? 0, `${path}.port`)
  yield* validateOneOf(port.protocol, `${path}.protocol`, { supported: protocols, requires: true })
  for (const fault of qualifiedFaults(port.appProtocol)) {
    yield invalidValue(`${path}.appProtocol`, port.appProtocol, fault)
  }
}

function qualifiedFaults(text: string | undefined): readonly string[] {
  return isMissing(text) ? [] : qualifiedNameFaults(text)
}

interface SlicePort {
  readonly name?: string
  readonly port?: number
  readonly protocol?: string
  readonly appProtocol?: string
}

interface SliceEndpoint {
  readonly addresses?: readonly string[]
  readonly conditions?: object
  readonly hostname?: string
  readonly nodeName?: string
}

interface EndpointSlice extends KubeObject {
  readonly addressType?: string
  readonly endpoints?: readonly SliceEndpoint[]
  readonly ports?: readonly SlicePort[]
}

export const endpointSliceStrategy: Strategy = genericStrategy({
  hasGeneration: true,
  applyDefaults: (object) => {
    const slice = asKind<EndpointSlice>(object)
    const ports = mapItems(slice.ports, (port) => {
      const named = typeof port.name === 'string' ? port : { ...port, name: '' }
      return withDefaults(named, { protocol: 'TCP' })
    })
    const endpoints = mapItems(slice.endpoints ?? [], (endpoint) =>
      withDefaults(endpoint, { conditions: {} }),
    )
    return withField(withField(slice, 'endpoints', endpoints), 'ports', ports ?? [])
  },
  asksTheSame: (next, old) =>
    hasSameContent(next, old) && isSemanticallyEqual(next.metadata.labels, old.metadata.labels),
  validate: (object) => validateSlice(asKind<EndpointSlice>(object)),
  validateUpdate: function* (next, old) {
    yield* validateSlice(asKind<EndpointSlice>(next))
    if (next['addressType'] === old['addressType']) return
    yield invalidValue('addressType', next['addressType'] ?? '', isImmutable)
  },
})

const addressTypes = ['FQDN', 'IPv4', 'IPv6']
const maxAddresses = 100
const maxEndpoints = 1000

function* validateSlice(slice: EndpointSlice): Iterable<FieldError> {
  const type = textOf(slice.addressType)
  yield* validateOneOf(type, 'addressType', { supported: addressTypes, requires: true })
  const names = new Set<string>()
  for (const [index, port] of listOf(slice.ports).entries()) {
    const path = `ports[${index}]`
    const name = textOf(port.name)
    if (name !== '') yield* validateDnsLabel(name, `${path}.name`)
    if (names.has(name)) yield duplicate(`${path}.name`, name)
    names.add(name)
    const protocol = textOf(port.protocol)
    if (!protocols.includes(protocol)) {
      yield notSupported(`${path}.protocol`, protocol, protocols)
    }
    for (const fault of qualifiedFaults(port.appProtocol)) {
      yield invalidValue(`${path}.appProtocol`, port.appProtocol, fault)
    }
  }
  const endpoints = listOf(slice.endpoints)
  if (endpoints.length > maxEndpoints) {
    yield tooMany('endpoints', endpoints.length, maxEndpoints)
    return
  }
  for (const [index, endpoint] of endpoints.entries()) {
    yield* validateSliceEndpoint(endpoint, `endpoints[${index}]`, type)
  }
}

function* validateSliceEndpoint(
  endpoint: SliceEndpoint,
  path: string,
  type: string,
): Iterable<FieldError> {
  const addresses = listOf(endpoint.addresses)
  const at = `${path}.addresses`
  if (addresses.length === 0) yield required(at, 'must contain at least 1 address')
  if (addresses.length > maxAddresses) yield tooMany(at, addresses.length, maxAddresses)
  for (const [index, address] of addresses.entries()) {
    const here = `${at}[${index}]`
    if (type === 'FQDN') yield* validateDnsSubdomain(textOf(address), here)
    else if (type === 'IPv4' || type === 'IPv6') {
      const faults = [...validateIp(textOf(address), here)]
      yield* faults
      if (faults.length > 0) continue
      if (isIP(address) !== (type === 'IPv4' ? 4 : 6)) {
        yield invalidValue(at, address, `must be an ${type} address`)
      }
      yield* validateEndpointIp(address, here)
    }
  }
  if (!isMissing(endpoint.nodeName)) {
    yield* validateDnsSubdomain(textOf(endpoint.nodeName), `${path}.nodeName`)
  }
  if (!isMissing(endpoint.hostname)) {
    yield* validateDnsLabel(textOf(endpoint.hostname), `${path}.hostname`)
  }
}
