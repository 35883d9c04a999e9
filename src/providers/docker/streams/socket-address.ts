// SPDX-License-Identifier: Apache-2.0
// An address and a port as the kernel has them, in an argument of a program that reads no text.
import { isIPv6 } from 'node:net'

const families = { ipv4: 2, ipv6: 10 }

/** A `sockaddr` of Linux: a letter from a to p for each half of a byte. `host` is an IP address. */
export function socketAddress({
  host,
  port,
}: {
  readonly host: string
  readonly port: number
}): string {
  const bytes = isIPv6(host) ? ipv6(host, port) : ipv4(host, port)
  const letter = (half: number): string => String.fromCharCode(97 + half)
  return [...bytes].map((byte) => letter(byte >> 4) + letter(byte & 15)).join('')
}

function ipv4(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(families.ipv4, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(host.split('.').map(Number), 4)
  return bytes
}

function ipv6(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16LE(families.ipv6, 0)
  bytes.writeUInt16BE(port, 2)
  groupsOf(host).forEach((group, index) => bytes.writeUInt16BE(group, 8 + 2 * index))
  return bytes
}

/** All eight. */
function groupsOf(host: string): readonly number[] {
  const [head = [], tail = []] = host
    .replace(/\d+\.\d+\.\d+\.\d+$/, asGroups)
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''))
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...gap, ...tail].map((group) => Number.parseInt(group, 16))
}

/** The last four bytes, written as an IPv4 address. */
function asGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
