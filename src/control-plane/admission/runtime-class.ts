// SPDX-License-Identifier: Apache-2.0
// A pod's runtime class adds what the runtime itself needs, and where it is to be found.
import type { Pod, PodSpec, RuntimeClass } from '../../kube/types.gen.ts'
import { compare, parseQuantity } from '../../util/quantity.ts'
import { storedObject } from '../auth/stored-object.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { forbid, targetOf } from './forbid.ts'
import { mergeTolerations } from './merge-tolerations.ts'

type Quantities = Readonly<Record<string, string>>

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  mutate(object, request, context) {
    const { spec } = object as unknown as Pod
    if (!isJudged(request) || !spec) return object
    const found = classOf(spec, request, context)
    if (!found) return object
    const placed = withScheduling(withOverhead(spec, found, request), found, request)
    return placed === spec ? object : { ...object, spec: placed }
  },
  validate(request, context) {
    const { spec } = (request.object ?? {}) as unknown as Pod
    if (!isJudged(request) || !spec) return
    const overhead = classOf(spec, request, context)?.overhead
    if (overhead) {
      if (!isSame(overhead.podFixed, spec.overhead)) throw mismatch(request)
    } else if (spec.overhead) {
      const why =
        'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead'
      throw forbid(request, why)
    }
  },
}

function isJudged(request: AdmissionRequest): boolean {
  return targetOf(request) === 'pods' && request.operation === 'CREATE'
}

function classOf(
  { runtimeClassName: name }: PodSpec,
  request: AdmissionRequest,
  { store }: AdmissionContext,
): RuntimeClass | undefined {
  if (name === undefined) return undefined
  const place = { namespace: '', name }
  const found = storedObject<RuntimeClass>(store, 'runtimeclasses.node.k8s.io', place)
  if (found) return found
  throw forbid(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
}

function withOverhead(
  spec: PodSpec,
  { overhead }: RuntimeClass,
  request: AdmissionRequest,
): PodSpec {
  if (!overhead) return spec
  const isGiven = Object.keys(spec.overhead ?? {}).length > 0
  if (isGiven && !isSame(overhead.podFixed, spec.overhead)) throw mismatch(request)
  return overhead.podFixed ? { ...spec, overhead: overhead.podFixed } : spec
}

function withScheduling(
  spec: PodSpec,
  { scheduling }: RuntimeClass,
  request: AdmissionRequest,
): PodSpec {
  if (!scheduling) return spec
  const { nodeSelector = {}, tolerations = [] } = scheduling
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key]
    if (own === undefined || own === value) continue
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`
    throw forbid(request, why)
  }
  const merged = mergeTolerations(spec.tolerations ?? [], tolerations)
  const selector = { ...spec.nodeSelector, ...nodeSelector }
  return {
    ...spec,
    ...(Object.keys(selector).length > 0 && { nodeSelector: selector }),
    ...(merged.length > 0 && { tolerations: merged }),
  }
}

function isSame(one: Quantities = {}, other: Quantities = {}): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => {
    const [a, b] = [one[name], other[name]]
    return a !== undefined && b !== undefined && compare(parseQuantity(a), parseQuantity(b)) === 0
  })
}

function mismatch(request: AdmissionRequest) {
  return forbid(
    request,
    "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  )
}
