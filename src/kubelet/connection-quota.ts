// SPDX-License-Identifier: Apache-2.0
// How many connections one address may hold at a time, so that nobody alone can use up all there are:
// fewer while nobody has said on them who they are, as that costs a stranger nothing, and more after.
// All users of a cluster come through the API server, from one address.
import { BlockList, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'

export interface ConnectionQuotaOptions {
  /** Connections of one address in all. */
  readonly maxPerAddress: number
  /** Of these, how many without a caller who is known and may do what they ask. */
  readonly maxUnknownPerAddress: number
}

interface Count {
  all: number
  unknown: number
}

type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>

/** Counts connections by address. */
export class ConnectionQuota {
  readonly #options: ConnectionQuotaOptions
  readonly #counts = new Map<string, Count>()
  /** Addresses of connections on which nobody is known, by both of the client's ends. */
  readonly #unknown = new Map<string, string>()

  constructor(options: ConnectionQuotaOptions) {
    this.#options = options
  }

  /** Counts a new connection until it closes; false when its address has no more, and nothing is counted. */
  admit(socket: Socket): boolean {
    const address = groupOf(socket.remoteAddress ?? '')
    const end = endOf(socket)
    const count = this.#counts.get(address) ?? { all: 0, unknown: 0 }
    const { maxPerAddress, maxUnknownPerAddress } = this.#options
    if (count.all >= maxPerAddress || count.unknown >= maxUnknownPerAddress) return false
    count.all += 1
    count.unknown += 1
    this.#counts.set(address, count)
    this.#unknown.set(end, address)
    socket.once('close', () => {
      this.#known(end)
      count.all -= 1
      if (count.all === 0) this.#counts.delete(address)
    })
    return true
  }

  /** Somebody who is known may do what they ask on this connection, or on the TLS within it. */
  noteCaller(socket: Ends): void {
    this.#known(endOf(socket))
  }

  #known(end: string): void {
    const address = this.#unknown.get(end)
    if (address === undefined) return
    this.#unknown.delete(end)
    const count = this.#counts.get(address)
    if (count) count.unknown -= 1
  }
}

function endOf({ remoteAddress = '', remotePort = 0 }: Ends): string {
  return `${remoteAddress}|${remotePort}`
}

const mapped = new BlockList()
mapped.addSubnet('::ffff:0:0', 96, 'ipv6')

/** IPv6 is handed out by networks of 64 bits: whoever has one address has them all. */
function groupOf(address: string): string {
  if (!isIPv6(address) || mapped.check(address, 'ipv6')) return address
  const [head = '', tail = ''] = address.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = address.includes('::') && tail !== '' ? tail.split(':') : []
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0')
  return [...front, ...zeros, ...back].slice(0, 4).join(':')
}
