// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of services and of the addresses behind them.
import type { Endpoints, Service, ServicePort } from '../../kube/types.gen.ts'
import { labelsText } from './label-text.ts'
import {
  age,
  ageColumn,
  column,
  firstFew,
  nameColumn,
  type Named,
  printerFor,
  wideColumn,
} from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const servicePrinter: TablePrinter = printerFor<Service>(
  [
    nameColumn,
    column('Type'),
    column('Cluster-IP'),
    column('External-IP'),
    column('Port(s)'),
    ageColumn,
    wideColumn('Selector'),
  ],
  (service, nowMs) => {
    const { metadata, spec } = service
    return [
      metadata.name,
      spec.type ?? '',
      spec.clusterIPs?.[0] ?? '<none>',
      externalAddress(service),
      (spec.ports ?? []).map(portText).join(',') || '<none>',
      age(service, nowMs),
      labelsText(spec.selector),
    ]
  },
)

export const endpointsPrinter: TablePrinter = printerFor<Endpoints>(
  [nameColumn, column('Endpoints'), ageColumn],
  (endpoints, nowMs) => [
    endpoints.metadata.name,
    endpoints.subsets?.length ? firstFew(addressesOf(endpoints), '') : '<none>',
    age(endpoints, nowMs),
  ],
)

/** An EndpointSlice, as far as it is shown. */
interface EndpointSlice extends Named {
  readonly addressType?: string
  readonly endpoints?: readonly { readonly addresses?: readonly string[] }[]
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[]
}

export const endpointSlicePrinter: TablePrinter = printerFor<EndpointSlice>(
  [nameColumn, column('AddressType'), column('Ports'), column('Endpoints'), ageColumn],
  (slice, nowMs) => {
    const { metadata, addressType = '', ports, endpoints } = slice
    const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? [])
    return [
      metadata.name,
      addressType,
      firstFew(
        (ports ?? []).map(({ name, port }) => String(port ?? name ?? '*')),
        '<unset>',
      ),
      firstFew(addresses, '<unset>'),
      age(slice, nowMs),
    ]
  },
)

function externalAddress({ spec, status }: Service): string {
  const external = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || '<none>'
    case 'LoadBalancer': {
      const ingress = status?.loadBalancer?.ingress ?? []
      const balancers = ingress.map(({ ip, hostname }) => ip || hostname || '')
      const own = [...new Set(balancers)].filter((one) => one !== '').sort()
      return [...own, ...external].join(',') || '<pending>'
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return '<unknown>'
  }
}

function portText({ port, nodePort = 0, protocol = '' }: ServicePort): string {
  return nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`
}

function addressesOf({ subsets = [] }: Endpoints): readonly string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port))),
  )
}

function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
