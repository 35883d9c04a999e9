// SPDX-License-Identifier: Apache-2.0
// Gives out addresses of the service network and ports of the nodes. Pure: what is taken is told, what
// is given is returned, and who stores the Service sees that nobody else gets the same.
import { randomInt } from 'node:crypto'
import type { Service, ServicePort, ServiceSpec } from '../../../kube/types.gen.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { listOf, textOf } from '../read-json.ts'
import { mapItems, withDefaults, withField } from '../share-structure.ts'
import { isHeadless, needsClusterIp, needsHealthPort, needsNodePort } from './service-type.ts'

type Random = (belowThis: number) => number

const anyNumber: Random = (belowThis) => randomInt(belowThis)

/** What there is to give, and what is taken. */
export interface ServicePool {
  /** An IPv4 network such as `10.96.0.0/12`; its first and last address are not given. */
  readonly cidr: string
  readonly takenIps: ReadonlySet<string>
  /** 30000-32767 in Kubernetes. */
  readonly nodePorts: { readonly min: number; readonly max: number }
  readonly takenNodePorts: ReadonlySet<number>
  readonly random?: Random
}

/** A free address of the network; undefined when all are taken. */
export function allocateClusterIp(
  cidr: string,
  taken: ReadonlySet<string>,
  random: Random = anyNumber,
): string | undefined {
  const [base = '', bits = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(bits))
  const first = toNumber(base)
  const usable = size - 2
  if (usable <= 0) return undefined
  const start = random(usable)
  for (let step = 0; step < usable; step++) {
    const ip = toText(first + 1 + ((start + step) % usable))
    if (!taken.has(ip)) return ip
  }
  return undefined
}

/** A free port of the nodes; undefined when all are taken. */
export function allocateNodePort(
  { min, max }: ServicePool['nodePorts'],
  taken: ReadonlySet<number>,
  random: Random = anyNumber,
): number | undefined {
  const count = max - min + 1
  const start = random(count)
  for (let step = 0; step < count; step++) {
    const port = min + ((start + step) % count)
    if (!taken.has(port)) return port
  }
  return undefined
}

/**
 * The Service with the addresses and ports that its type needs and that it has not got; the same object
 * when there is nothing to give. What the pool cannot give stays unset.
 */
export function withAllocations(object: KubeObject, pool: ServicePool): KubeObject {
  const spec = asKind<Service>(object).spec ?? {}
  if (!needsClusterIp(spec)) return object
  return withField(object, 'spec', withNodePorts(withClusterIp(withFamily(spec), pool), pool))
}

/** One family only, except that endpoints which the user manages may be of both. */
function withFamily(spec: ServiceSpec): ServiceSpec {
  if (isHeadless(spec) && spec.selector === undefined) {
    return withDefaults(spec, {
      ipFamilyPolicy: 'RequireDualStack',
      ipFamilies: ['IPv4', 'IPv6'],
    })
  }
  return withDefaults(spec, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] })
}

function withClusterIp(spec: ServiceSpec, pool: ServicePool): ServiceSpec {
  if (textOf(spec.clusterIP) !== '') return spec
  const ip = allocateClusterIp(pool.cidr, pool.takenIps, pool.random)
  return ip === undefined ? spec : { ...spec, clusterIP: ip, clusterIPs: [ip] }
}

function withNodePorts(spec: ServiceSpec, pool: ServicePool): ServiceSpec {
  const taken = new Set(pool.takenNodePorts)
  for (const { nodePort } of listOf(spec.ports)) if (nodePort) taken.add(nodePort)
  const take = (): number | undefined => {
    const port = allocateNodePort(pool.nodePorts, taken, pool.random)
    if (port !== undefined) taken.add(port)
    return port
  }
  let result = spec
  if (needsNodePort(spec)) {
    const ports = mapItems<ServicePort>(spec.ports, (port) =>
      port.nodePort ? port : withField(port, 'nodePort', take()),
    )
    result = withField(result, 'ports', ports)
  }
  if (!needsHealthPort(spec) || spec.healthCheckNodePort) return result
  return withField(result, 'healthCheckNodePort', take())
}

function toNumber(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}
