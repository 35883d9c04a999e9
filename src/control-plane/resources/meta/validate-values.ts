// SPDX-License-Identifier: Apache-2.0
// Rules for single values that many kinds share: numbers, ports, names of references, enumerations.
import { invalidValue, notSupported, required, type FieldError } from '../../objects/field-error.ts'
import { isMissing } from '../read-json.ts'
import { dnsLabelFaults, dnsSubdomainFaults, patternFault } from './name-rules.ts'

export const isImmutable = 'field is immutable'
const isNegative = 'must be greater than or equal to 0'

export function* validateNonNegative(
  value: number | undefined,
  path: string,
): Iterable<FieldError> {
  if (typeof value === 'number' && value < 0) yield invalidValue(path, value, isNegative)
}

export function* validatePositive(value: number | undefined, path: string): Iterable<FieldError> {
  const number = typeof value === 'number' ? value : 0
  if (number <= 0) yield invalidValue(path, number, 'must be greater than zero')
}

export function* validateRange(
  value: number | null | undefined,
  path: string,
  { min, max }: { readonly min: number; readonly max: number },
): Iterable<FieldError> {
  if (isMissing(value) || (value >= min && value <= max)) return
  yield invalidValue(path, value, `must be between ${min} and ${max}, inclusive`)
}

export const maxInt32 = 2_147_483_647

/** A user or group id. */
export function validateId(value: number | undefined, path: string): Iterable<FieldError> {
  return validateRange(value, path, { min: 0, max: maxInt32 })
}

const ports = { min: 1, max: 65_535 }

export function validatePort(value: number, path: string): Iterable<FieldError> {
  return validateRange(value, path, ports)
}

/** A port by number or by name. */
export function* validatePortOrName(
  value: number | string | undefined,
  path: string,
): Iterable<FieldError> {
  if (typeof value === 'string') {
    for (const fault of portNameFaults(value)) yield invalidValue(path, value, fault)
  } else yield* validatePort(typeof value === 'number' ? value : 0, path)
}

export function portNameFaults(name: string): readonly string[] {
  const faults: string[] = []
  if (name.length > 15) faults.push('must be no more than 15 characters')
  if (!/^[-a-z0-9]+$/.test(name)) {
    faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  }
  if (!/[a-z]/.test(name)) faults.push('must contain at least one letter (a-z)')
  if (name.includes('--')) faults.push('must not contain consecutive hyphens')
  if (name.startsWith('-') || name.endsWith('-')) {
    faults.push('must not begin or end with a hyphen')
  }
  return faults
}

export function* validateDnsLabel(text: string, path: string): Iterable<FieldError> {
  for (const fault of dnsLabelFaults(text)) yield invalidValue(path, text, fault)
}

export function* validateDnsSubdomain(text: string, path: string): Iterable<FieldError> {
  for (const fault of dnsSubdomainFaults(text)) yield invalidValue(path, text, fault)
}

/** A value that must be one of a list; `requires` says that it must be there at all. */
export function* validateOneOf(
  value: string | null | undefined,
  path: string,
  {
    supported,
    requires = false,
  }: { readonly supported: readonly string[]; readonly requires?: boolean },
): Iterable<FieldError> {
  if (isMissing(value) || (value === '' && requires)) {
    if (requires) yield required(path)
  } else if (!supported.includes(value)) yield notSupported(path, value, supported)
}

export function percentFaults(text: string): readonly string[] {
  if (/^[0-9]+%$/.test(text)) return []
  const rule = "a valid percent string must be a numeric string followed by an ending '%'"
  return [patternFault(rule, '[0-9]+%', '1%', '93%')]
}
