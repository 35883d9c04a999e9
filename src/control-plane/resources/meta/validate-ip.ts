// SPDX-License-Identifier: Apache-2.0
// Rules for IP addresses, as strict as the API server is since 1.36: no leading zeros, no IPv4 inside
// IPv6.
import { isIP, isIPv4 } from 'node:net'
import { invalidValue, type FieldError } from '../../objects/field-error.ts'

/** `known` are addresses that the object had before; those are not judged again. */
export function* validateIp(
  text: string,
  path: string,
  known: readonly string[] = [],
): Iterable<FieldError> {
  if (known.includes(text)) return
  const family = isIP(text)
  if (family === 0 || text.includes('%')) {
    const isSloppy = isIPv4(withoutLeadingZeros(text))
    const why = isSloppy
      ? 'must not have leading 0s'
      : 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
    yield invalidValue(path, text, why)
  } else if (/^(?:0{0,4}:)*:?(?:0{1,4}:)*ffff:(?:\d+\.|[0-9a-f]{1,4}:[0-9a-f]{1,4}$)/i.test(text)) {
    yield invalidValue(path, text, 'must not be an IPv4-mapped IPv6 address')
  }
}

/** One address at most of each family. */
export function isDualStack(ips: readonly string[]): boolean {
  const families = new Set(ips.map((ip) => isIP(ip)))
  return ips.length === 2 && families.has(4) && families.has(6)
}

function withoutLeadingZeros(text: string): string {
  return text.replaceAll(/(^|\.)0+(?=\d)/g, '$1')
}
