// SPDX-License-Identifier: Apache-2.0
// The defaults that a pod's spec has wherever it stands: in a pod, or in the template of a workload.
import type { PodSpec, PodTemplateSpec } from '../../../kube/types.gen.ts'
import { canonicalAmounts } from '../canonical-quantity.ts'
import { isRecord, textOf } from '../read-json.ts'
import { mapField, mapItems, withDefaults, withField, withoutZeros } from '../share-structure.ts'
import { canonicalResources, defaultContainer } from './default-container.ts'
import { defaultVolume } from './default-volume.ts'

const noSecurity = {}

const defaults: Partial<PodSpec> = {
  dnsPolicy: 'ClusterFirst',
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  securityContext: noSecurity,
  terminationGracePeriodSeconds: 30,
}

/** Fields that the API server does not keep when they say nothing. */
const omitted: readonly (keyof PodSpec)[] = [
  'hostIPC',
  'hostNetwork',
  'hostPID',
  'hostname',
  'nodeName',
  'priorityClassName',
  'subdomain',
]

export function defaultPodSpec(spec: PodSpec): PodSpec {
  let result = mirrorServiceAccount(withoutZeros(withDefaults(spec, defaults), omitted))
  result = withField(result, 'containers', mapItems(result.containers, defaultContainer))
  if (result.initContainers !== undefined) {
    const containers = mapItems(result.initContainers, defaultContainer)
    result = withField(result, 'initContainers', containers)
  }
  if (result.ephemeralContainers !== undefined) {
    const containers = mapItems(result.ephemeralContainers, defaultContainer)
    result = withField(result, 'ephemeralContainers', containers)
  }
  if (result.volumes !== undefined) {
    result = withField(result, 'volumes', mapItems(result.volumes, defaultVolume))
  }
  if (result.overhead !== undefined) {
    result = withField(result, 'overhead', canonicalAmounts(result.overhead))
  }
  return result.resources === undefined ? result : mapField(result, 'resources', canonicalResources)
}

/** The spec of a template is completed like a pod's, even where there is none. */
export function defaultPodTemplate(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const present = isRecord(template) ? template : {}
  const { metadata = {}, spec = { containers: [] } } = present
  return withField(
    withField(present, 'metadata', metadata),
    'spec',
    isRecord(spec) ? defaultPodSpec(spec) : spec,
  )
}

/** `serviceAccount` is an older name of `serviceAccountName`; both always say the same. */
export function mirrorServiceAccount(spec: PodSpec): PodSpec {
  const name = textOf(spec.serviceAccountName) || textOf(spec.serviceAccount)
  if (name === '') return spec
  return withField(withField(spec, 'serviceAccountName', name), 'serviceAccount', name)
}
