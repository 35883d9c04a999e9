// SPDX-License-Identifier: Apache-2.0
// The HTTP part of a stream: is it an upgrade, to what, in which subprotocol; and the answers when it is
// none. Until the switch everything can still be refused in plain text.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { UpgradeOffer } from '../listener.ts'
import type { TextAnswer } from '../text-response.ts'

const spdy = 'SPDY/3.1'
const versionHeader = 'x-stream-protocol-version'

/** How a client wants to stream; undefined: it does not ask for an upgrade that we know. */
export function upgradeKindOf({ headers }: IncomingMessage): 'spdy' | 'websocket' | undefined {
  const wanted = (headers.upgrade ?? '').toLowerCase()
  if (wanted === spdy.toLowerCase()) return 'spdy'
  return wanted === 'websocket' ? 'websocket' : undefined
}

/** For the log: what was asked for, and how. Without the query, which holds the command. */
export function describeUpgrade(request: IncomingMessage): {
  readonly path: string
  readonly method: string
  readonly upgrade: string
} {
  const { headers, method = '', url = '' } = request
  return { path: url.split('?', 1)[0] ?? '', method, upgrade: headers.upgrade ?? '' }
}

/** The first subprotocol of the client's that we know as well, or what to answer. */
export function chooseProtocol<T extends string>(
  { headers }: IncomingMessage,
  known: readonly T[],
): { readonly protocol: T } | { readonly answer: TextAnswer } {
  const wanted: string[] = []
  for (const text of String(headers[versionHeader] ?? '').split(',')) {
    const name = text.trim()
    const protocol = known.find((other) => other === name)
    if (protocol !== undefined) return { protocol }
    if (name !== '') wanted.push(name)
  }
  if (wanted.length === 0) {
    const text = `unable to upgrade: "X-Stream-Protocol-Version" header is required`
    return { answer: { status: 400, text } }
  }
  return {
    answer: {
      status: 403,
      text: `unable to upgrade: unable to negotiate protocol: client supports [${wanted.join(' ')}], server accepts [${known.join(' ')}]`,
      headers: { 'X-Accepted-Stream-Protocol-Versions': [...known] },
    },
  }
}

/** Says 101 and hands out the connection, at the first byte behind the request. */
export function switchToSpdy(upgrade: UpgradeOffer, protocol: string): Duplex {
  const { socket, head } = upgrade.take()
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${spdy}`,
      `X-Stream-Protocol-Version: ${protocol}`,
      '\r\n',
    ].join('\r\n'),
    'latin1',
  )
  if (head.length > 0) socket.unshift(head)
  return socket
}
