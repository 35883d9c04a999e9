// SPDX-License-Identifier: Apache-2.0
// /logs/: the log files of the machine, and by query those of its services. Off unless it is asked for:
// logs of a machine tell more than those of pods, and whoever may read `nodes/log` reads all of them.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { codeOf } from '../../util/vk-error.ts'
import { openBelow } from '../node-logs/log-folder.ts'
import type { LogEntry } from '../node-logs/log-folder.ts'
import { readJournal } from '../node-logs/journal.ts'
import { parseLogQuery } from '../node-logs/log-query.ts'
import type { NodeLogQuery } from '../node-logs/log-query.ts'
import type { Route, RouteCall } from '../router.ts'
import { sendBody, sendText } from '../text-response.ts'

export interface NodeLogsOptions {
  /** The folder; nothing outside of it is read. */
  readonly folder: string
  /** Answer queries for services and files as well. */
  readonly hasQuery: boolean
}

/** `/logs` and all paths below it. */
export function nodeLogsRoutes(options: NodeLogsOptions): readonly Route[] {
  return ['/logs', '/logs/*'].map((path) => ({
    methods: ['GET'],
    path,
    handle: (call) => handle(call, options),
  }))
}

async function handle(call: RouteCall, options: NodeLogsOptions): Promise<void> {
  const { params, query: search, response } = call
  const { folder, hasQuery } = options
  const path = params['*'] ?? ''
  const parsed = hasQuery ? parseLogQuery(search) : ({ kind: 'none' } as const)
  if (parsed.kind === 'refused') {
    return sendText(response, { status: parsed.status, text: parsed.why })
  }
  if (parsed.kind === 'none') return await sendFile(call, { folder, path })
  if (path !== '') {
    return sendText(response, { status: 406, text: 'path not allowed in query mode' })
  }
  const [file] = parsed.query.files
  if (file !== undefined) {
    return await sendFile(call, { folder, path: file.replaceAll('\\', '/') })
  }
  await sendServices(call, { folder, query: parsed.query })
}

async function sendFile(
  { response, signal }: RouteCall,
  { folder, path }: { readonly folder: string; readonly path: string },
): Promise<void> {
  const entry = await found(folder, path)
  if (!entry) return sendText(response, { status: 404, text: '404 page not found' })
  if (entry.kind === 'folder') {
    return sendBody(response, listing(entry.names), { contentType: 'text/html; charset=utf-8' })
  }
  response.writeHead(200, textHeaders)
  await pipeline(Readable.from(contentOf(entry)), response, { signal })
}

const textHeaders = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

/** What the journal has, else what a file of the service's name has. */
async function sendServices(
  { response, signal }: RouteCall,
  { folder, query }: { readonly folder: string; readonly query: NodeLogQuery },
): Promise<void> {
  response.writeHead(200, textHeaders)
  await pipeline(Readable.from(serviceLogs({ folder, query, signal })), response, { signal })
}

async function* serviceLogs(of: {
  readonly folder: string
  readonly query: NodeLogQuery
  readonly signal: AbortSignal
}): AsyncGenerator<Buffer | string> {
  const { folder, query, signal } = of
  for (const service of query.services) {
    const one = { ...query, services: [service] }
    const lines = await readJournal(one, signal)
    let hasLines = false
    for await (const piece of (lines ?? []) as AsyncIterable<Buffer>) {
      // Its only way to say that there is nothing; the service may still write a file.
      if (!hasLines && piece.toString('latin1').startsWith('-- No entries --')) break
      hasLines = true
      yield piece
    }
    if (!hasLines) yield* fileOfService(folder, one)
  }
}

async function* fileOfService(
  folder: string,
  { services: [service = ''], ...options }: NodeLogQuery,
): AsyncGenerator<Buffer | string> {
  for (const path of [service, `${service}.log`, `${service}/${service}.log`]) {
    const entry = await found(folder, path)
    if (entry?.kind !== 'file') continue
    if (Object.keys(options).length > 1) {
      await entry.handle.close()
      yield `\noptions present and query resolved to log files for [${service}]\ntry without specifying options\n`
      return
    }
    yield* contentOf(entry)
    return
  }
  yield `\nlog not found for ${service}\n`
}

/** As much as the file has now: one that is written to all the time still ends. */
async function* contentOf({
  handle,
  sizeBytes,
}: LogEntry & { readonly kind: 'file' }): AsyncGenerator<Buffer> {
  await using file = handle
  if (sizeBytes === 0) return
  yield* file.createReadStream({ end: sizeBytes - 1, autoClose: false }) as AsyncIterable<Buffer>
}

async function found(folder: string, path: string): Promise<LogEntry | undefined> {
  try {
    return await openBelow(folder, path)
  } catch (error) {
    if (codeOf(error) === 'NotFound') return undefined
    throw error
  }
}

/** In the form that Go's file server gives it. */
function listing(names: readonly string[]): string {
  const lines = names.map((name) => `<a href="${encodeURI(name)}">${escaped(name)}</a>\n`)
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&#34;',
    "'": '&#39;',
  }
  return text.replaceAll(/[&<>"']/g, (char) => entities[char] ?? char)
}
