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
  } else if (
    family === 6 &&
    /^(?:0{0,4}:)*:?(?:0{1,4}:)*ffff:(?:\d+\.|[0-9a-f]{1,4}:[0-9a-f]{1,4}$)/i.test(text)
  ) {
    yield invalidValue(path, text, 'must not be an IPv4-mapped IPv6 address')
  }
}

/** A network: an address and how many of its bits count; the others are zero. */
export function* validateCidr(text: string, path: string): Iterable<FieldError> {
  const slash = text.indexOf('/')
  const [ip, bits] = [text.slice(0, slash), text.slice(slash + 1)]
  const family = slash === -1 ? 0 : isIP(ip)
  const isInRange = /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  if (family === 0 || !isInRange) {
    yield invalidValue(
      path,
      text,
      'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    )
  } else if (bits.length > 1 && bits.startsWith('0')) {
    yield invalidValue(path, text, 'must not have leading 0s in IP or prefix length')
  } else if (family === 4 && hasHostBits(ip, Number(bits))) {
    yield invalidValue(path, text, 'must not have bits set beyond the prefix length')
  }
}

function hasHostBits(ip: string, bits: number): boolean {
  const number = ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  return number % 2 ** (32 - bits) !== 0
}

/** One address at most of each family. */
export function isDualStack(ips: readonly string[]): boolean {
  const families = new Set(ips.map((ip) => isIP(ip)))
  return ips.length === 2 && families.has(4) && families.has(6)
}

function withoutLeadingZeros(text: string): string {
  return text.replaceAll(/(^|\.)0+(?=\d)/g, '$1')
}
