// SPDX-License-Identifier: Apache-2.0
// What users are warned of who create or change a Service.
import type { Service } from '../../../kube/types.gen.ts'
import { listOf, textOf } from '../read-json.ts'

const hintsAnnotation = 'service.kubernetes.io/topology-aware-hints'

export function* serviceWarnings(service: Service): Iterable<string> {
  const { metadata } = service
  const spec = service.spec ?? {}
  if (metadata.annotations?.[hintsAnnotation] !== undefined) {
    yield `annotation ${hintsAnnotation} is deprecated, please use service.kubernetes.io/topology-mode instead`
  }
  const hasExternalIps = listOf(spec.externalIPs).length > 0
  const isHeadless = spec.type === 'ClusterIP' && spec.clusterIP === 'None'
  if (isHeadless) {
    const ignored = 'is ignored for headless services'
    if (textOf(spec.loadBalancerIP) !== '') yield `spec.loadBalancerIP ${ignored}`
    if (hasExternalIps) yield `spec.externalIPs ${ignored}`
    if (spec.sessionAffinity !== 'None') yield `spec.SessionAffinity ${ignored}`
  }
  const isName = spec.type === 'ExternalName'
  if (hasExternalIps && !isHeadless && !isName) {
    yield 'spec.externalIPs is deprecated and may no longer be implemented in some clusters'
  }
  if (isName && hasExternalIps) {
    yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
  }
  if (!isName && textOf(spec.externalName) !== '') {
    yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
  }
  if (spec.trafficDistribution === 'PreferClose') {
    yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
  }
}
