// SPDX-License-Identifier: Apache-2.0
// LimitRanges of a namespace: containers that name no resources get the defaults, and what is below a
// minimum or above a maximum is refused.
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  ResourceRequirements,
} from '../../kube/types.gen.ts'
import { storedObjects } from '../auth/stored-object.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { amountsOf, noAmounts } from './amounts.ts'
import { forbid, targetOf } from './forbid.ts'
import { limitFaults } from './limit-faults.ts'
import { podResources } from './pod-resources.ts'

const annotation = 'kubernetes.io/limit-ranger'

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  mutate(object, request, context) {
    let result = object
    for (const range of rangesFor(request, context)) {
      if (targetOf(request).startsWith('pods')) result = withDefaults(result, range)
    }
    return result
  },
  validate(request, context) {
    if (!request.object) return
    for (const range of rangesFor(request, context)) {
      const faults = faultsOf(request.object, request, range)
      if (faults.length === 0) continue
      const unique = [...new Set(faults)]
      throw forbid(request, unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`)
    }
  },
}

function rangesFor(request: AdmissionRequest, { store }: AdmissionContext): readonly LimitRange[] {
  const { namespace, old, operation } = request
  const target = targetOf(request)
  const isJudged =
    (target === 'pods' && operation === 'CREATE') ||
    (target === 'pods/resize' && operation === 'UPDATE') ||
    (target === 'persistentvolumeclaims' && (operation === 'CREATE' || operation === 'UPDATE'))
  if (!isJudged || old?.metadata.deletionTimestamp !== undefined) return []
  return storedObjects<LimitRange>(store, 'limitranges', namespace)
}

function itemsOf({ spec }: LimitRange, type: string): readonly LimitRangeItem[] {
  return (spec?.limits ?? []).filter((item) => item.type === type)
}

function withDefaults(object: KubeObject, range: LimitRange): KubeObject {
  const { metadata, spec } = object as unknown as Pod
  const items = itemsOf(range, 'Container')
  if (!spec || items.length === 0) return object
  const defaults: ResourceRequirements = {
    limits: Object.assign({}, ...items.map((item) => item.default ?? {})),
    requests: Object.assign({}, ...items.map((item) => item.defaultRequest ?? {})),
  }
  const notes: string[] = []
  const complete = (what: string) => (container: Container) =>
    completed(container, { defaults, what, notes })
  const containers = spec.containers.map(complete('container'))
  const initContainers = spec.initContainers?.map(complete('init container'))
  if (notes.length === 0) return object
  const next: PodSpec = { ...spec, containers, ...(initContainers && { initContainers }) }
  const annotations = {
    ...metadata.annotations,
    [annotation]: `LimitRanger plugin set: ${notes.join('; ')}`,
  }
  return { ...object, metadata: { ...object.metadata, annotations }, spec: next }
}

function completed(
  container: Container,
  {
    defaults,
    notes,
    what,
  }: {
    readonly defaults: ResourceRequirements
    readonly notes: string[]
    readonly what: string
  },
): Container {
  const { limits = {}, requests = {}, ...rest } = container.resources ?? {}
  const missing = (wanted: object = {}, given: object) =>
    Object.keys(wanted)
      .filter((name) => !(name in given))
      .sort()
  const newRequests = missing(defaults.requests, requests)
  const newLimits = missing(defaults.limits, limits)
  if (newRequests.length > 0) {
    notes.push(`${newRequests.join(', ')} request for ${what} ${container.name}`)
  }
  if (newLimits.length > 0) {
    notes.push(`${newLimits.join(', ')} limit for ${what} ${container.name}`)
  }
  const resources = {
    ...rest,
    limits: { ...defaults.limits, ...limits },
    requests: { ...defaults.requests, ...requests },
  }
  return newRequests.length + newLimits.length === 0 ? container : { ...container, resources }
}

function faultsOf(
  object: KubeObject,
  request: AdmissionRequest,
  range: LimitRange,
): readonly string[] {
  if (request.resource.plural === 'persistentvolumeclaims') {
    const { spec } = object as unknown as PersistentVolumeClaim
    const usage = { requests: amountsOf(spec?.resources?.requests), limits: noAmounts }
    const type = 'PersistentVolumeClaim'
    return itemsOf(range, type).flatMap((item) =>
      limitFaults(item, usage, { hasRequestsOnly: true }),
    )
  }
  const { spec } = object as unknown as Pod
  if (!spec) return []
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  const whole = {
    requests: podResources(spec, 'requests'),
    limits: podResources(spec, 'limits'),
  }
  return [
    ...itemsOf(range, 'Container').flatMap((item) =>
      containers.flatMap(({ resources }) =>
        limitFaults(item, {
          requests: amountsOf(resources?.requests),
          limits: amountsOf(resources?.limits),
        }),
      ),
    ),
    ...itemsOf(range, 'Pod').flatMap((item) => limitFaults(item, whole)),
  ]
}
