// SPDX-License-Identifier: Apache-2.0
// Addresses for pods that have no network: taken at random from a range, each given to one pod at a
// time, so that whatever joins on podIP works as it does with a real network.
import { isIPv4 } from 'node:net'
import { VkError } from '../../util/vk-error.ts'

/** The usable addresses of a range, as numbers. */
export interface AddressRange {
  readonly first: number
  readonly count: number
}

/** Reads `10.1.0.0/16`; the range's first and last address are not used. VkError Invalid otherwise. */
export function addressRange(cidr: string): AddressRange {
  const [address = '', bits = ''] = cidr.split('/')
  const length = Number(bits)
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || length < 8 || length > 30) {
    throw new VkError(
      'Invalid',
      `Cannot use address range "${cidr}": not an IPv4 range of /8 to /30`,
    )
  }
  const size = 2 ** (32 - length)
  const network = Math.floor(toNumber(address) / size) * size
  return { first: network + 1, count: size - 2 }
}

/** Hands out the addresses of a range. */
export class AddressPool {
  readonly #range: AddressRange
  readonly #random: () => number
  readonly #taken = new Set<number>()

  constructor(range: AddressRange, random: () => number = Math.random) {
    this.#range = range
    this.#random = random
  }

  /** A free address; VkError QuotaExceeded when there is none. */
  take(): string {
    const { first, count } = this.#range
    if (this.#taken.size >= count) {
      throw new VkError('QuotaExceeded', `Cannot give the pod an address: all ${count} are taken`)
    }
    let offset = Math.floor(this.#random() * count)
    while (this.#taken.has(first + offset)) offset = (offset + 1) % count
    this.#taken.add(first + offset)
    return toText(first + offset)
  }

  /** Keeps an address that a pod has from elsewhere from being handed out. */
  reserve(address: string): void {
    if (this.#holds(address)) this.#taken.add(toNumber(address))
  }

  release(address: string): void {
    if (this.#holds(address)) this.#taken.delete(toNumber(address))
  }

  #holds(address: string): boolean {
    if (!isIPv4(address)) return false
    const offset = toNumber(address) - this.#range.first
    return offset >= 0 && offset < this.#range.count
  }
}

function toNumber(address: string): number {
  return address.split('.').reduce((number, byte) => number * 256 + Number(byte), 0)
}

function toText(number: number): string {
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}
