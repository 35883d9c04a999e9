// SPDX-License-Identifier: Apache-2.0
// What is wrong with one field of an object, in the words and causes of the Kubernetes API
// (k8s.io/apimachinery/pkg/util/validation/field). Validation collects these; `invalid` in
// api-status.ts makes the 422 of them.

/** The machine-readable reason of a cause. */
export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueDuplicate'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueNotFound'

/** One fault. `field` is a path such as `spec.containers[0].name`. */
export interface FieldError {
  readonly type: FieldErrorType
  readonly field: string
  /** The sentence after the path, as kubectl shows it. */
  readonly message: string
}

export function required(field: string, detail = ''): FieldError {
  return fieldError('FieldValueRequired', field, 'Required value', detail)
}

export function invalidValue(field: string, value: unknown, detail: string): FieldError {
  return fieldError('FieldValueInvalid', field, `Invalid value: ${shown(value)}`, detail)
}

/** For values that are not worth showing. */
export function invalidField(field: string, detail: string): FieldError {
  return fieldError('FieldValueInvalid', field, 'Invalid value', detail)
}

export function duplicate(field: string, value: unknown): FieldError {
  return fieldError('FieldValueDuplicate', field, `Duplicate value: ${shown(value)}`, '')
}

/** `supported` is shown in the order given. */
export function notSupported(
  field: string,
  value: unknown,
  supported: readonly string[],
): FieldError {
  const values = supported.map((one) => JSON.stringify(one))
  const detail = values.length > 0 ? `supported values: ${values.join(', ')}` : ''
  return fieldError('FieldValueNotSupported', field, `Unsupported value: ${shown(value)}`, detail)
}

export function forbiddenField(field: string, detail: string): FieldError {
  return fieldError('FieldValueForbidden', field, 'Forbidden', detail)
}

export function notFoundValue(field: string, value: unknown): FieldError {
  return fieldError('FieldValueNotFound', field, `Not found: ${shown(value)}`, '')
}

export function tooLong(field: string, maxLength: number): FieldError {
  const detail = `may not be more than ${maxLength} bytes`
  return fieldError('FieldValueTooLong', field, 'Too long', detail)
}

export function tooMany(field: string, count: number, max: number): FieldError {
  const detail = `must have at most ${max} ${max === 1 ? 'item' : 'items'}`
  return fieldError('FieldValueTooMany', field, `Too many: ${count}`, detail)
}

function fieldError(type: FieldErrorType, field: string, what: string, detail: string): FieldError {
  return { type, field, message: detail === '' ? what : `${what}: ${detail}` }
}

function shown(value: unknown): string {
  return value === undefined ? 'null' : JSON.stringify(value)
}
