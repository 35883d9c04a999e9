// SPDX-License-Identifier: Apache-2.0
// A container's log through the API server, as pieces of bytes or as lines. What was read is handed on at
// once; a reader that is slow holds the sender up, and nothing grows.
import { pathOf, pods } from '../kube/resources.ts'
import type { ClusterAccess } from './cluster-access.ts'

/** The parameters of a pod's log, by the API's names. */
export interface LogQuery {
  readonly container?: string
  readonly follow?: boolean
  readonly previous?: boolean
  readonly timestamps?: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  readonly sinceTime?: string
  readonly limitBytes?: number
}

export interface LogTarget {
  readonly namespace: string
  readonly name: string
}

/** Longest line that is kept whole; a longer one comes in pieces. */
const maxLineBytes = 64 * 1024

/** The log's bytes as they come; ends when the container has ended and all was sent. */
export async function* readLogBytes(
  access: ClusterAccess,
  options: { readonly pod: LogTarget; readonly query: LogQuery; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const { pod, query, signal } = options
  const path = pathOf(pods, { ...pod, subresource: 'log' })
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== false) parameters.set(name, String(value))
  }
  const attempt = `read the log of pod "${pod.name}"`
  const request = { method: 'GET', path: `${path}?${parameters.toString()}`, signal } as const
  const stream = await access.openStream(request, attempt)
  try {
    for (let read = await stream.read(); read; read = await stream.read()) yield* read
  } finally {
    stream.close()
  }
}

/** The same as lines without their ends; what follows the last line end is a line too. */
export async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of bytes) {
    let start = 0
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, start)) {
      yield Buffer.concat([rest, piece.subarray(start, end)]).toString('utf8')
      rest = Buffer.alloc(0)
      start = end + 1
    }
    rest = Buffer.concat([rest, piece.subarray(start)])
    while (rest.length >= maxLineBytes) {
      yield rest.subarray(0, maxLineBytes).toString('utf8')
      rest = rest.subarray(maxLineBytes)
    }
  }
  if (rest.length > 0) yield rest.toString('utf8')
}
