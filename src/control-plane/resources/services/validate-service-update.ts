// SPDX-License-Identifier: Apache-2.0
// Judges what an update does to a Service: addresses stay once they are given.
import { isIP } from 'node:net'
import type { Service, ServiceSpec } from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { validateIp } from '../meta/validate-ip.ts'
import { validateDnsSubdomain } from '../meta/validate-values.ts'
import { isMissing, listOf, textOf } from '../read-json.ts'
import { isHeadless, needsHealthPort } from './service-type.ts'

const isFixed = 'may not change once set'

export function* validateServiceUpdate(next: Service, old: Service): Iterable<FieldError> {
  const after = next.spec ?? {}
  const before = old.spec ?? {}
  if (after.type !== 'ExternalName' && before.type !== 'ExternalName') {
    if (!(isHeadless(after) && isHeadless(before))) yield* validateSameIps(after, before)
    if (!isHeadless(after) && !isHeadless(before)) yield* validateSameFamilies(after, before)
  }
  const areBalanced = after.type === 'LoadBalancer' && before.type === 'LoadBalancer'
  if (areBalanced && after.loadBalancerClass !== before.loadBalancerClass) {
    yield invalidValue('spec.loadBalancerClass', after.loadBalancerClass ?? null, isFixed)
  }
  if (!needsHealthPort(after) || !needsHealthPort(before)) return
  if (after.healthCheckNodePort !== before.healthCheckNodePort) {
    yield forbiddenField('spec.healthCheckNodePort', 'field is immutable')
  }
}

function* validateSameIps(next: ServiceSpec, old: ServiceSpec): Iterable<FieldError> {
  const [after, before] = [listOf(next.clusterIPs), listOf(old.clusterIPs)]
  if (after.length === before.length) {
    for (const [index, ip] of before.entries()) {
      if (ip !== after[index]) yield invalidValue(`spec.clusterIPs[${index}]`, after, isFixed)
    }
    return
  }
  if (before.length > 0 && after.length === 0) {
    const why = 'primary clusterIP can not be unset'
    yield invalidValue('spec.clusterIPs[0]', next.clusterIPs ?? null, why)
  } else if (before.length > 0 && after[0] !== before[0]) {
    yield invalidValue('spec.clusterIPs[0]', after, isFixed)
  }
  const isReleased = before.length > after.length && after.length === 1
  if (isReleased && next.ipFamilyPolicy !== 'SingleStack') {
    const why = "must be set to 'SingleStack' when releasing the secondary clusterIP"
    yield invalidValue('spec.ipFamilyPolicy', next.ipFamilyPolicy ?? null, why)
  }
}

function* validateSameFamilies(next: ServiceSpec, old: ServiceSpec): Iterable<FieldError> {
  const [after, before] = [listOf(next.ipFamilies), listOf(old.ipFamilies)]
  const path = 'spec.ipFamilies[0]'
  if (after.length === before.length) {
    for (const [index, family] of before.entries()) {
      if (family !== after[index]) yield invalidValue(path, after, isFixed)
    }
  } else if (before.length > 0 && after.length === 0) {
    yield invalidValue(path, next.ipFamilies ?? null, 'primary ipFamily can not be unset')
  } else if (before.length > 0 && after[0] !== before[0]) {
    yield invalidValue(path, next.clusterIPs ?? null, isFixed)
  }
}

export function* validateServiceStatus(next: Service): Iterable<FieldError> {
  const path = 'status.loadBalancer.ingress'
  const ingress = listOf(next.status?.loadBalancer?.ingress)
  if (next.spec?.type !== 'LoadBalancer' && ingress.length > 0) {
    yield forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")
    return
  }
  for (const [index, { hostname, ip, ipMode }] of ingress.entries()) {
    const at = `${path}[${index}]`
    if (textOf(ip) !== '') yield* validateIp(textOf(ip), `${at}.ip`)
    if (textOf(ip) !== '' && isMissing(ipMode)) {
      yield required(`${at}.ipMode`, 'must be specified when `ip` is set')
    } else if (textOf(ip) === '' && !isMissing(ipMode)) {
      yield forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set')
    }
    const name = textOf(hostname)
    if (name === '') continue
    yield* validateDnsSubdomain(name, `${at}.hostname`)
    if (isIP(name) !== 0) {
      yield invalidValue(`${at}.hostname`, name, 'must be a DNS name, not an IP address')
    }
  }
}
