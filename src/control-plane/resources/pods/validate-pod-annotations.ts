// SPDX-License-Identifier: Apache-2.0
// Annotations that mean something to the API itself.
import type { PodSpec } from '../../../kube/types.gen.ts'
import { forbiddenField, invalidValue, type FieldError } from '../../objects/field-error.ts'
import { mapOf, textOf } from '../read-json.ts'

type Annotations = Readonly<Record<string, string>> | null | undefined

/** Says that a pod is made from a file of its node. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'
const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

export function* validatePodAnnotations(
  annotations: Annotations,
  spec: PodSpec,
  path: string,
): Iterable<FieldError> {
  if (annotations === undefined) return
  const map = mapOf(annotations)
  const mirror = map[mirrorAnnotation]
  if (mirror !== undefined && textOf(spec.nodeName) === '') {
    const why = 'must set spec.nodeName if mirror pod annotation is set'
    yield invalidValue(`${path}[${mirrorAnnotation}]`, mirror, why)
  }
  const cost = map[deletionCost]
  if (cost !== undefined && !isInt32(cost)) {
    yield invalidValue(`${path}[${deletionCost}]`, cost, 'must be a 32bit integer')
  }
}

/** What an update may not do to them. */
export function* validatePodAnnotationsUpdate(
  next: Annotations,
  old: Annotations,
  path: string,
): Iterable<FieldError> {
  if (next === old) return
  const [after, before] = [mapOf(next), mapOf(old)]
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (after[key] === before[key]) continue
    const isAdded = before[key] === undefined
    if (key.startsWith(appArmorPrefix)) {
      const why = isAdded ? 'may not add' : 'may not remove or update'
      yield forbiddenField(`${path}[${key}]`, `${why} AppArmor annotations`)
    }
    if (key === mirrorAnnotation) {
      const why = isAdded ? 'may not add' : 'may not remove or update'
      yield forbiddenField(`${path}[${key}]`, `${why} mirror pod annotation`)
    }
  }
}

function isInt32(text: string): boolean {
  return (
    /^(?:0|-?[0-9]+)$/.test(text) && !/^0\d/.test(text) && Math.abs(Number(text)) <= 2 ** 31 - 1
  )
}
