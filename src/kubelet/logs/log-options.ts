// SPDX-License-Identifier: Apache-2.0
// The query of /containerLogs, read the way the API machinery reads it: what cannot be decoded is a
// 400, what is decoded but makes no sense a 422, both with a fixed text.
import type { TextAnswer } from '../text-response.ts'
import { parseRfc3339 } from './rfc3339.ts'

export type LogStream = 'stdout' | 'stderr'

/** What the caller wants of a container's log. */
export interface LogOptions {
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number
  readonly limitBytes?: number
  readonly since?: { readonly seconds: number } | { readonly timeMs: number }
  /** Only this one of the two. */
  readonly stream?: LogStream
}

export type LogOptionsResult =
  | { readonly isValid: true; readonly options: LogOptions }
  | { readonly isValid: false; readonly answer: TextAnswer }

const undecodable: TextAnswer = { status: 400, text: '{"message": "Unable to decode query."}' }
const invalid: TextAnswer = { status: 422, text: '{"message": "Invalid request."}' }

const streams: Readonly<Record<string, LogStream | undefined>> = {
  All: undefined,
  Stdout: 'stdout',
  Stderr: 'stderr',
}

interface Decoded {
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
  readonly sinceSeconds: number | undefined
  readonly sinceMs: number | undefined
}

/** Reads and checks the query. `allowStream` is the feature PodLogsQuerySplitStreams. */
export function parseLogOptions(
  query: URLSearchParams,
  { allowStream = false }: { readonly allowStream?: boolean } = {},
): LogOptionsResult {
  const decoded = decode(query)
  const stream = query.get('stream') ?? 'All'
  if (!decoded || (stream !== 'All' && !allowStream)) return { isValid: false, answer: undecodable }
  if (!makesSense(decoded, stream)) return { isValid: false, answer: invalid }
  const { limitBytes, sinceMs, sinceSeconds, tailLines } = decoded
  const since = sinceSeconds === undefined ? sinceMs : sinceSeconds
  const only = streams[stream]
  return {
    isValid: true,
    options: {
      follow: flag(query.get('follow')),
      previous: flag(query.get('previous')),
      timestamps: flag(query.get('timestamps')),
      ...(tailLines !== undefined && { tailLines }),
      ...(limitBytes !== undefined && { limitBytes }),
      ...(since !== undefined && {
        since: sinceSeconds === undefined ? { timeMs: since } : { seconds: since },
      }),
      ...(only && { stream: only }),
    },
  }
}

function decode(query: URLSearchParams): Decoded | undefined {
  const tail = query.get('tail')
  const tailText = tail === 'all' ? null : tail || query.get('tailLines')
  const tailLines = integer(tailText)
  const limitBytes = integer(query.get('limitBytes'))
  const sinceSeconds = integer(query.get('sinceSeconds'))
  const sinceMs = time(query.get('sinceTime'))
  if (tailLines === 'bad' || limitBytes === 'bad') return undefined
  if (sinceSeconds === 'bad' || sinceMs === 'bad') return undefined
  return { tailLines, limitBytes, sinceSeconds, sinceMs }
}

function makesSense(decoded: Decoded, stream: string): boolean {
  const { limitBytes = 1, sinceMs, sinceSeconds, tailLines } = decoded
  if (limitBytes < 1 || (tailLines ?? 0) < 0 || (sinceSeconds ?? 1) < 1) return false
  if (sinceSeconds !== undefined && sinceMs !== undefined) return false
  return Object.hasOwn(streams, stream) && (stream === 'All' || tailLines === undefined)
}

function flag(text: string | null): boolean {
  return text !== null && text !== '0' && text.toLowerCase() !== 'false'
}

function integer(text: string | null): number | undefined | 'bad' {
  if (text === null) return undefined
  if (!/^[+-]?\d{1,40}$/.test(text)) return 'bad'
  const exact = BigInt(text.replace(/^\+/, ''))
  return BigInt.asIntN(64, exact) === exact ? Number(exact) : 'bad'
}

/** An empty time is the oldest there is, as is the `null` that old clients send. */
function time(text: string | null): number | undefined | 'bad' {
  if (text === null) return undefined
  if (text === '' || text === 'null') return Number.NEGATIVE_INFINITY
  return parseRfc3339(text) ?? 'bad'
}
