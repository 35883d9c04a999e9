// SPDX-License-Identifier: Apache-2.0
// Which TCP sockets of this host listen on a port, and which of them a pod's processes hold: by the
// number of the socket, which /proc shows on both sides.
import { readdir, readFile, readlink } from 'node:fs/promises'

/** A listening socket as /proc/net has it. */
export interface ListeningSocket {
  readonly inode: string
  /** IPv4 or IPv6 address that it is bound to, as text. */
  readonly address: string
}

const listening = '0A'

/** The sockets that listen on `port`. */
export async function listeningSockets(port: number): Promise<readonly ListeningSocket[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  )
  return tables.flatMap((table) => parseTable(table, port))
}

/** Reads a table such as /proc/net/tcp. */
export function parseTable(table: string, port: number): readonly ListeningSocket[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return table.split('\n').flatMap((line): ListeningSocket[] => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const [address = '', localPort] = local.split(':')
    if (state !== listening || localPort !== wanted) return []
    return [{ inode, address: address.length === 8 ? parseIPv4(address) : parseIPv6(address) }]
  })
}

/** The inodes among these that one of the processes holds. */
export async function heldInodes(
  inodes: ReadonlySet<string>,
  pids: readonly number[],
): Promise<ReadonlySet<string>> {
  const held = new Set<string>()
  for (const pid of pids) {
    // A process may end at any moment; it holds nothing then.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
      if (inode !== undefined && inodes.has(inode)) held.add(inode)
    }
    if (held.size === inodes.size) break
  }
  return held
}

// The kernel prints each 32-bit word in the machine's order; all that Node runs on is little endian.
function parseIPv4(hex: string): string {
  return Buffer.from(hex, 'hex').reverse().join('.')
}

function parseIPv6(hex: string): string {
  const groups: string[] = []
  for (let at = 0; at < 32; at += 8) {
    const word = Buffer.from(hex.slice(at, at + 8), 'hex').reverse()
    groups.push(word.readUInt16BE(0).toString(16), word.readUInt16BE(2).toString(16))
  }
  return groups.join(':')
}

const wildcards: Readonly<Record<string, string>> = {
  '0.0.0.0': '127.0.0.1',
  '0:0:0:0:0:0:0:0': '::1',
}

/**
 * Where to connect so that one of `own` answers and nobody else: a stranger's socket that is bound more
 * closely would get the connection in its place. Loopback addresses come first.
 */
export function addressesOf(
  own: readonly ListeningSocket[],
  strangers: readonly ListeningSocket[],
): readonly string[] {
  const taken = new Set(strangers.map(({ address }) => address))
  const found = own.flatMap(({ address }) => {
    const loopback = wildcards[address]
    if (loopback === undefined) return [address]
    // A wildcard of IPv6 takes IPv4 as well, unless somebody else does.
    const isTaken = taken.has('127.0.0.1') || taken.has('0.0.0.0')
    return loopback === '::1' && !isTaken ? ['::1', '127.0.0.1'] : [loopback]
  })
  return [...new Set(found)].filter((address) => !taken.has(address)).sort(loopbackFirst)
}

function loopbackFirst(a: string, b: string): number {
  const rank = (address: string): number =>
    address === '127.0.0.1' ? 0 : address === '::1' || address.startsWith('127.') ? 1 : 2
  return rank(a) - rank(b)
}
