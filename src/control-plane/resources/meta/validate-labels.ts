// SPDX-License-Identifier: Apache-2.0
// Judges labels, annotations and label selectors.
import type { LabelSelector, LabelSelectorRequirement } from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  required,
  tooLong,
  type FieldError,
} from '../../objects/field-error.ts'
import { isMissing, listOf, mapOf, textOf } from '../read-json.ts'
import { labelValueFaults, qualifiedNameFaults } from './name-rules.ts'

type Texts = Readonly<Record<string, string>> | null | undefined

export function* validateLabels(labels: Texts, path: string): Iterable<FieldError> {
  const map = mapOf(labels)
  for (const key in map) {
    const value = textOf(map[key])
    yield* validateLabelKey(key, path)
    for (const fault of labelValueFaults(value)) yield invalidValue(path, value, fault)
  }
}

export function* validateLabelKey(key: string, path: string): Iterable<FieldError> {
  for (const fault of qualifiedNameFaults(key)) yield invalidValue(path, key, fault)
}

const maxAnnotationBytes = 256 * 1024

export function* validateAnnotations(annotations: Texts, path: string): Iterable<FieldError> {
  const map = mapOf(annotations)
  let length = 0
  for (const key in map) {
    length += key.length + textOf(map[key]).length
    for (const fault of qualifiedNameFaults(key.toLowerCase())) yield invalidValue(path, key, fault)
  }
  // A character has at most three bytes for each unit of length, so most are not worth counting.
  if (length * 3 <= maxAnnotationBytes) return
  let bytes = 0
  for (const key in map) bytes += Buffer.byteLength(key) + Buffer.byteLength(textOf(map[key]))
  if (bytes > maxAnnotationBytes) yield tooLong(path, maxAnnotationBytes)
}

export function* validateLabelSelector(
  selector: LabelSelector | null | undefined,
  path: string,
): Iterable<FieldError> {
  if (isMissing(selector)) return
  yield* validateLabels(selector.matchLabels, `${path}.matchLabels`)
  for (const [index, one] of listOf(selector.matchExpressions).entries()) {
    yield* validateRequirement(one, `${path}.matchExpressions[${index}]`)
  }
}

function* validateRequirement(
  { key, operator, values }: LabelSelectorRequirement,
  path: string,
): Iterable<FieldError> {
  const list = listOf(values)
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (list.length === 0) {
        const why = "must be specified when `operator` is 'In' or 'NotIn'"
        yield required(`${path}.values`, why)
      }
      break
    case 'Exists':
    case 'DoesNotExist':
      if (list.length > 0) {
        const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        yield forbiddenField(`${path}.values`, why)
      }
      break
    default:
      yield invalidValue(`${path}.operator`, textOf(operator), 'not a valid selector operator')
  }
  yield* validateLabelKey(textOf(key), `${path}.key`)
  for (const [index, value] of list.entries()) {
    const text = textOf(value)
    for (const fault of labelValueFaults(text)) {
      yield invalidValue(`${path}.values[${index}]`, text, fault)
    }
  }
}
