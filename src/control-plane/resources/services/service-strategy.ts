// SPDX-License-Identifier: Apache-2.0
// Services: defaults, what follows from their type, and what an update carries over. Addresses and
// ports are given out by `allocate-service.ts`.
import type { Service, ServicePort, ServiceSpec } from '../../../kube/types.gen.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { isRecord, listOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapItems, withDefaults, withField } from '../share-structure.ts'
import { withSpec } from '../with-spec.ts'
import { serviceWarnings } from './service-warnings.ts'
import { isExternal, isHeadless, needsClusterIp, needsNodePort } from './service-type.ts'
import { validateService } from './validate-service.ts'
import { validateServiceStatus, validateServiceUpdate } from './validate-service-update.ts'

export const serviceStrategy: Strategy = genericStrategy({
  nameRule: 'dns-label',
  allowsCreateOnUpdate: true,
  newStatus: { loadBalancer: {} },
  applyDefaults: (object) => withSpec(object, defaultService),
  completeNew: (object) => withSpec(object, mirrorClusterIp),
  completeUpdate: (next, old, subresource) => {
    if (subresource !== '' || !isRecord(next['spec'])) return next
    const before = asKind<Service>(old).spec ?? {}
    return withSpec<ServiceSpec>(next, (spec) => carryOver(dropUnneeded(spec, before), before))
  },
  validate: (object) => validateService(asKind<Service>(object)),
  validateUpdate: function* (next, old, subresource) {
    if (subresource === 'status') yield* validateServiceStatus(asKind<Service>(next))
    else {
      yield* validateServiceUpdate(asKind<Service>(next), asKind<Service>(old))
      yield* validateService(asKind<Service>(next), asKind<Service>(old))
    }
  },
  warnings: (object: KubeObject) => [...serviceWarnings(asKind<Service>(object))],
})

const affinitySeconds = 10_800

function defaultService(spec: ServiceSpec): ServiceSpec {
  let result = withDefaults(spec, { sessionAffinity: 'None', type: 'ClusterIP' })
  if (result.sessionAffinity === 'None') {
    result = withField(result, 'sessionAffinityConfig', undefined)
  } else if (result.sessionAffinity === 'ClientIP') {
    const seconds = result.sessionAffinityConfig?.clientIP?.timeoutSeconds
    if (seconds === undefined) {
      const clientIP = { timeoutSeconds: affinitySeconds }
      result = withField(result, 'sessionAffinityConfig', { clientIP })
    }
  }
  result = withField(result, 'ports', mapItems(result.ports, defaultPort))
  if (isExternal(result)) result = withDefaults(result, { externalTrafficPolicy: 'Cluster' })
  if (needsClusterIp(result)) result = withDefaults(result, { internalTrafficPolicy: 'Cluster' })
  if (result.type !== 'LoadBalancer') return result
  return withDefaults(result, { allocateLoadBalancerNodePorts: true })
}

function defaultPort(port: ServicePort): ServicePort {
  const complete = withDefaults(port, { protocol: 'TCP' })
  const { targetPort } = complete
  const hasTarget = targetPort !== undefined && targetPort !== 0 && targetPort !== ''
  return hasTarget ? complete : withField(complete, 'targetPort', port.port ?? 0)
}

/** `clusterIP` is an older name for the first of `clusterIPs`. */
function mirrorClusterIp(spec: ServiceSpec): ServiceSpec {
  const ip = textOf(spec.clusterIP)
  if (ip === '' || listOf(spec.clusterIPs).length > 0) return spec
  return withField(spec, 'clusterIPs', [ip])
}

/** What a new type does not need goes, unless the client has changed it. */
function dropUnneeded(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  let result = spec
  const drop = (field: keyof ServiceSpec): void => {
    if (isSemanticallyEqual(result[field], old[field])) result = withField(result, field, undefined)
  }
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
      drop(field)
    }
    drop('internalTrafficPolicy')
  }
  if (needsNodePort(old) && !needsNodePort(spec) && hasSameNodePorts(spec, old)) {
    const ports = mapItems(spec.ports, (port) => withField(port, 'nodePort', undefined))
    result = withField(result, 'ports', ports)
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    drop('allocateLoadBalancerNodePorts')
    drop('loadBalancerClass')
    drop('healthCheckNodePort')
  }
  if (isExternal(old) && !isExternal(spec)) drop('externalTrafficPolicy')
  return result
}

function hasSameNodePorts(spec: ServiceSpec, old: ServiceSpec): boolean {
  const ports = new Set(listOf(old.ports).map(({ nodePort }) => nodePort))
  return listOf(spec.ports).every(({ nodePort }) => !nodePort || ports.has(nodePort))
}

/** Clients that replace a Service without its addresses keep them. */
function carryOver(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  let result = spec
  if (needsClusterIp(old) && needsClusterIp(spec)) {
    if (textOf(spec.clusterIP) === '') result = withField(result, 'clusterIP', old.clusterIP)
    const isSame = result.clusterIP === old.clusterIP
    const hasNone = listOf(result.clusterIPs).length === 0
    if (isSame && hasNone) result = withField(result, 'clusterIPs', old.clusterIPs)
    else if (!isSame && (hasNone || isSemanticallyEqual(result.clusterIPs, old.clusterIPs))) {
      result = withField(result, 'clusterIPs', [textOf(result.clusterIP)])
    }
    if (isHeadless(result) === isHeadless(old)) {
      for (const field of ['ipFamilies', 'ipFamilyPolicy'] as const) {
        if (result[field] === undefined) result = withField(result, field, old[field])
      }
    }
  }
  if (!needsNodePort(old) || !needsNodePort(spec)) return result
  const taken = new Set(listOf(spec.ports).map(({ nodePort }) => nodePort))
  const ports = mapItems(result.ports, (port) => {
    if (port.nodePort) return port
    const before = listOf(old.ports).find(
      (one) => one.port === port.port && one.protocol === port.protocol,
    )
    if (!before?.nodePort || taken.has(before.nodePort)) return port
    return withField(port, 'nodePort', before.nodePort)
  })
  return withField(result, 'ports', ports)
}
