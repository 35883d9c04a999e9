// SPDX-License-Identifier: Apache-2.0
// Judges the addresses of Services and of endpoints.
import { isIP } from 'node:net'
import type { ServiceSpec } from '../../../kube/types.gen.ts'
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { isDualStack, validateIp } from '../meta/validate-ip.ts'
import { validateOneOf } from '../meta/validate-values.ts'
import { listOf, textOf } from '../read-json.ts'
import { isHeadless } from './service-type.ts'

const families = ['IPv4', 'IPv6']
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack']

export function* validateClusterIps(
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
): Iterable<FieldError> {
  if (spec.type === 'ExternalName') return
  const path = 'spec.clusterIPs'
  const ips = listOf(spec.clusterIPs)
  const first = textOf(spec.clusterIP)
  if (first !== '' && ips.length === 0) yield required(path)
  else if (first !== '' && ips[0] !== first) {
    yield invalidValue(path, ips, 'first value must match `clusterIP`')
  } else if (first === '' && ips.length > 0) {
    yield invalidValue(path, ips, 'must be empty when `clusterIP` is not specified')
  }
  yield* validateFamilies(spec)
  const faults = [...validateEach(ips, listOf(old?.clusterIPs))]
  yield* faults
  if (ips.length > 2) yield invalidValue(path, ips, 'may only hold up to 2 values')
  if (faults.length > 0) return
  if (ips.length > 1 && !isDualStack(ips.slice(0, 2))) {
    yield invalidValue(path, ips, 'may specify no more than one IP for each IP family')
  }
  if (isHeadless(spec)) return
  for (const [index, family] of listOf(spec.ipFamilies).entries()) {
    const ip = ips[index]
    if (ip === undefined || (isIP(ip) === 6) === (family === 'IPv6')) continue
    const why = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``
    yield invalidValue(`${path}[${index}]`, ip, why)
  }
}

function* validateFamilies(spec: ServiceSpec): Iterable<FieldError> {
  const seen = new Set<string>()
  for (const [index, family] of listOf(spec.ipFamilies).entries()) {
    const path = `spec.ipFamilies[${index}]`
    if (!families.includes(family)) yield notSupported(path, family, families)
    if (seen.has(family)) yield duplicate(path, family)
    seen.add(family)
  }
  yield* validateOneOf(spec.ipFamilyPolicy, 'spec.ipFamilyPolicy', { supported: familyPolicies })
}

function* validateEach(ips: readonly string[], known: readonly string[]): Iterable<FieldError> {
  for (const [index, ip] of ips.entries()) {
    if (index > 0 || ip !== 'None') {
      yield* validateIp(textOf(ip), `spec.clusterIPs[${index}]`, known)
    } else if (ips.length > 1) {
      yield invalidValue('spec.clusterIPs', ips, "'None' must be the first and only value")
    }
  }
}

export function* validateExternalIps(
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
): Iterable<FieldError> {
  for (const [index, ip] of listOf(spec.externalIPs).entries()) {
    const path = `spec.externalIPs[${index}]`
    const faults = [...validateIp(textOf(ip), path, listOf(old?.externalIPs))]
    yield* faults
    if (faults.length === 0) yield* validateEndpointIp(textOf(ip), path)
  }
}

const reserved: readonly (readonly [RegExp, (ip: string) => string])[] = [
  [/^(?:0\.0\.0\.0|::)$/, (ip) => `may not be unspecified (${ip})`],
  [/^(?:127\.|::1$)/, () => 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [
    /^(?:169\.254\.|fe[89ab])/i,
    () => 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  [
    /^(?:224\.0\.0\.|ff02)/i,
    () => 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
]

/** An address that traffic can be sent to. */
export function* validateEndpointIp(ip: string, path: string): Iterable<FieldError> {
  if (isIP(ip) === 0) {
    yield invalidValue(path, ip, 'must be a valid IP address')
    return
  }
  for (const [pattern, why] of reserved) {
    if (pattern.test(ip)) yield invalidValue(path, ip, why(ip))
  }
}
