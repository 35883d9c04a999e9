// SPDX-License-Identifier: Apache-2.0
// Judges new pods.
import type { Pod } from '../../../kube/types.gen.ts'
import { forbiddenField, required, type FieldError } from '../../objects/field-error.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'
import { validateImage } from './validate-container.ts'
import { validatePodAnnotations } from './validate-pod-annotations.ts'
import { validatePodSpec } from './validate-pod-spec.ts'

export function* validatePod(pod: Pod): Iterable<FieldError> {
  yield* validatePodContent(pod)
  if (!isRecord(pod.spec)) return
  const { ephemeralContainers, nodeName, schedulingGates } = pod.spec
  if (listOf(ephemeralContainers).length > 0) {
    yield forbiddenField('spec.ephemeralContainers', 'cannot be set on create')
  }
  if (textOf(nodeName) !== '' && listOf(schedulingGates).length > 0) {
    const why = 'cannot be set until all schedulingGates have been cleared'
    yield forbiddenField('spec.nodeName', why)
  }
}

/** What must hold of a pod at any time. */
export function* validatePodContent({ metadata, spec }: Pod): Iterable<FieldError> {
  if (!isRecord(spec)) {
    yield required('spec.containers')
    return
  }
  yield* validatePodAnnotations(metadata.annotations, spec, 'metadata.annotations')
  yield* validatePodSpec(spec, 'spec', metadata)
  if (textOf(spec.serviceAccountName) === '') {
    for (const [index, { projected }] of listOf(spec.volumes).entries()) {
      for (const [position, source] of listOf(projected?.sources).entries()) {
        if (isMissing(source.serviceAccountToken)) continue
        const at = `spec.volumes[${index}].projected.sources[${position}].serviceAccountToken`
        yield forbiddenField(at, 'must not be specified when serviceAccountName is not set')
      }
    }
  }
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [index, container] of listOf(spec[list]).entries()) {
      yield* validateImage(container, `spec.${list}[${index}]`)
    }
  }
}
