// SPDX-License-Identifier: Apache-2.0
// Rules that workloads share: the selector finds the pods of the template, and those always restart.
import type { LabelSelector, PodTemplateSpec } from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { validateLabelSelector } from '../meta/validate-labels.ts'
import { isImmutable, percentFaults, validateNonNegative } from '../meta/validate-values.ts'
import { validatePodTemplate } from '../pods/validate-pod-spec.ts'
import { isMissing, sortedMap, textOf } from '../read-json.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { isEmptySelector, isReadable, matchesSelector } from './matches-selector.ts'

/** `of` names the kind in the message about an empty selector. */
export function* validateSelector(
  selector: LabelSelector | undefined,
  path: string,
  of: string,
): Iterable<FieldError> {
  if (isMissing(selector)) {
    yield required(path)
    return
  }
  yield* validateLabelSelector(selector, path)
  if (isEmptySelector(selector)) {
    yield invalidValue(path, selector, `empty selector is invalid for ${of}`)
  }
}

/** Which pods are a workload's own never changes. */
export function* validateSameSelector(
  next: LabelSelector | undefined,
  old: LabelSelector | undefined,
): Iterable<FieldError> {
  if (isSemanticallyEqual(next, old)) return
  yield invalidValue('spec.selector', next ?? null, isImmutable)
}

/** Without a selector nothing matches; an empty one is a fault of its own. */
export function* validateMatch(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  path: string,
): Iterable<FieldError> {
  if (!isMissing(selector) && isEmptySelector(selector)) return
  const labels = template.metadata?.labels
  if (!isMissing(selector) && matchesSelector(selector, labels)) return
  const why = '`selector` does not match template `labels`'
  yield invalidValue(`${path}.metadata.labels`, sortedMap(labels), why)
}

/** Pods that are replaced for ever: they restart always, and have no deadline. */
export function* validateLasting(
  template: PodTemplateSpec,
  path: string,
  of: string,
): Iterable<FieldError> {
  const policy = textOf(template.spec?.restartPolicy)
  if (policy !== 'Always') yield notSupported(`${path}.spec.restartPolicy`, policy, ['Always'])
  if (isMissing(template.spec?.activeDeadlineSeconds)) return
  const why = `activeDeadlineSeconds in ${of} is not Supported`
  yield forbiddenField(`${path}.spec.activeDeadlineSeconds`, why)
}

/** The template of a Deployment or a ReplicaSet. */
export function* validateReplicaTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  path: string,
): Iterable<FieldError> {
  if (!isMissing(selector) && !isReadable(selector)) {
    yield invalidValue('spec.selector', selector, 'invalid label selector')
    return
  }
  yield* validateMatch(selector, template, path)
  yield* validatePodTemplate(template, path)
  yield* validateLasting(template, path, 'ReplicaSet')
}

type Count = number | string | undefined

/** A number of pods, or a share of them. */
export function* validateCount(value: Count, path: string): Iterable<FieldError> {
  if (typeof value === 'string') {
    for (const fault of percentFaults(value)) yield invalidValue(path, value, fault)
  } else yield* validateNonNegative(value, path)
}

export function* validateAtMostAll(value: Count, path: string): Iterable<FieldError> {
  if (typeof value !== 'string' || percentFaults(value).length > 0) return
  if (Number.parseInt(value, 10) > 100) {
    yield invalidValue(path, value, 'must not be greater than 100%')
  }
}

/** The number before the sign, or as it is; 0 for what is neither. */
export function amountOf(value: Count): number {
  return typeof value === 'number' ? value : Number.parseInt(textOf(value), 10) || 0
}
