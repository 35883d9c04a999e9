// SPDX-License-Identifier: Apache-2.0
// Judges Services.
import type { Service, ServicePort, ServiceSpec } from '../../../kube/types.gen.ts'
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import { validateCidr } from '../meta/validate-ip.ts'
import { validateLabels } from '../meta/validate-labels.ts'
import {
  validateDnsLabel,
  validateDnsSubdomain,
  validateOneOf,
  validatePort,
  validatePortOrName,
} from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import { isExternal, isHeadless, needsClusterIp, needsHealthPort } from './service-type.ts'
import { validateClusterIps, validateExternalIps } from './validate-service-ips.ts'

const onlyBalanced = "may only be used when `type` is 'LoadBalancer'"
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']

export function* validateService(service: Service, old?: Service): Iterable<FieldError> {
  const spec = service.spec ?? {}
  const ports = listOf(spec.ports)
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') {
    yield required('spec.ports')
  }
  yield* validateType(spec)
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) {
    yield* validateServicePort(port, `spec.ports[${index}]`, { names, isOne: ports.length === 1 })
  }
  yield* validateLabels(spec.selector, 'spec.selector')
  yield* validateSessionAffinity(spec)
  yield* validateClusterIps(spec, old?.spec)
  yield* validateExternalIps(spec, old?.spec)
  yield* validateOneOf(spec.type, 'spec.type', { supported: types, requires: true })
  yield* validateUniquePorts(spec)
  yield* validateSourceRanges(spec, listOf(old?.spec?.loadBalancerSourceRanges))
  if (!isMissing(spec.allocateLoadBalancerNodePorts) && spec.type !== 'LoadBalancer') {
    yield forbiddenField('spec.allocateLoadBalancerNodePorts', onlyBalanced)
  }
  yield* validateBalancerClass(spec)
  yield* validateTraffic(spec)
}

function* validateType(spec: ServiceSpec): Iterable<FieldError> {
  const { type } = spec
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(spec)) {
    const why = `may not be set to 'None' for ${type} services`
    yield invalidValue('spec.clusterIPs[0]', 'None', why)
  }
  if (type !== 'ExternalName') return
  const why = 'may not be set for ExternalName services'
  if (listOf(spec.clusterIPs).length > 0) yield forbiddenField('spec.clusterIPs', why)
  if (listOf(spec.ipFamilies).length > 0) yield forbiddenField('spec.ipFamilies', why)
  if (!isMissing(spec.ipFamilyPolicy)) yield forbiddenField('spec.ipFamilyPolicy', why)
  const name = textOf(spec.externalName).replace(/\.$/, '')
  if (name === '') yield required('spec.externalName')
  else yield* validateDnsSubdomain(name, 'spec.externalName')
}

const protocols = ['SCTP', 'TCP', 'UDP']

function* validateServicePort(
  port: ServicePort,
  path: string,
  { names, isOne }: { readonly names: Set<string>; readonly isOne: boolean },
): Iterable<FieldError> {
  const name = textOf(port.name)
  if (name !== '') {
    yield* validateDnsLabel(name, `${path}.name`)
    if (names.has(name)) yield duplicate(`${path}.name`, name)
    names.add(name)
  } else if (!isOne) yield required(`${path}.name`)
  yield* validatePort(port.port ?? 0, `${path}.port`)
  yield* validateOneOf(port.protocol, `${path}.protocol`, { supported: protocols, requires: true })
  yield* validatePortOrName(port.targetPort, `${path}.targetPort`)
  if (isMissing(port.appProtocol)) return
  for (const fault of qualifiedNameFaults(textOf(port.appProtocol))) {
    yield invalidValue(`${path}.appProtocol`, port.appProtocol, fault)
  }
}

const maxAffinitySeconds = 86_400

function* validateSessionAffinity(spec: ServiceSpec): Iterable<FieldError> {
  yield* validateOneOf(spec.sessionAffinity, 'spec.sessionAffinity', {
    supported: ['ClientIP', 'None'],
    requires: true,
  })
  const path = 'spec.sessionAffinityConfig'
  if (spec.sessionAffinity === 'None' && !isMissing(spec.sessionAffinityConfig)) {
    yield forbiddenField(path, 'must not be set when session affinity is None')
  }
  if (spec.sessionAffinity !== 'ClientIP') return
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (isMissing(seconds)) {
    yield required(`${path}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP')
  } else if (seconds <= 0 || seconds > maxAffinitySeconds) {
    const why = `must be greater than 0 and less than ${maxAffinitySeconds}`
    yield invalidValue(`${path}.clientIP.timeoutSeconds`, seconds, why)
  }
}

function* validateUniquePorts(spec: ServiceSpec): Iterable<FieldError> {
  const ports = listOf(spec.ports)
  for (const [index, { nodePort }] of ports.entries()) {
    if (spec.type !== 'ClusterIP' || !nodePort) continue
    const why = "may not be used when `type` is 'ClusterIP'"
    yield forbiddenField(`spec.ports[${index}].nodePort`, why)
  }
  const nodePorts = new Set<string>()
  for (const [index, { nodePort, protocol }] of ports.entries()) {
    if (!nodePort) continue
    const key = `${nodePort}/${protocol}`
    if (nodePorts.has(key)) yield duplicate(`spec.ports[${index}].nodePort`, nodePort)
    nodePorts.add(key)
  }
  const seen = new Set<string>()
  for (const [index, { port, protocol }] of ports.entries()) {
    const key = `${port}/${protocol}`
    if (seen.has(key)) yield duplicate(`spec.ports[${index}]`, internalForm(port, protocol))
    seen.add(key)
  }
}

/** Messages show a port with the names that the API server has inside. */
function internalForm(port: number, protocol: string | undefined): unknown {
  return {
    Name: '',
    Protocol: protocol ?? '',
    AppProtocol: null,
    Port: port,
    TargetPort: 0,
    NodePort: 0,
  }
}

function* validateSourceRanges(spec: ServiceSpec, known: readonly string[]): Iterable<FieldError> {
  const ranges = listOf(spec.loadBalancerSourceRanges)
  const path = 'spec.LoadBalancerSourceRanges'
  if (ranges.length > 0 && spec.type !== 'LoadBalancer') yield forbiddenField(path, onlyBalanced)
  for (const [index, range] of ranges.entries()) {
    if (!known.includes(range)) yield* validateCidr(textOf(range).trim(), `${path}[${index}]`)
  }
}

function* validateBalancerClass(spec: ServiceSpec): Iterable<FieldError> {
  const name = spec.loadBalancerClass
  if (isMissing(name)) return
  if (spec.type !== 'LoadBalancer') {
    yield forbiddenField('spec.loadBalancerClass', onlyBalanced)
    return
  }
  for (const fault of qualifiedNameFaults(textOf(name))) {
    yield invalidValue('spec.loadBalancerClass', name, fault)
  }
}

const policies = ['Cluster', 'Local']
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

function* validateTraffic(spec: ServiceSpec): Iterable<FieldError> {
  const external = textOf(spec.externalTrafficPolicy)
  const path = 'spec.externalTrafficPolicy'
  if (isExternal(spec)) {
    yield* validateOneOf(external, path, { supported: policies, requires: true })
  } else if (external !== '') {
    yield invalidValue(path, external, 'may only be set for externally-accessible services')
  }
  const health = spec.healthCheckNodePort ?? 0
  if (health !== 0 && !needsHealthPort(spec)) {
    const why =
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    yield invalidValue('spec.healthCheckNodePort', health, why)
  }
  yield* validateOneOf(spec.internalTrafficPolicy, 'spec.internalTrafficPolicy', {
    supported: policies,
    requires: needsClusterIp(spec),
  })
  yield* validateOneOf(spec.trafficDistribution, 'spec.trafficDistribution', {
    supported: distributions,
  })
}
