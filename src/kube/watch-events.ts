// SPDX-License-Identifier: Apache-2.0
// A watch's answer as events. An ERROR event, such as "too old resource version", becomes the
// ApiError that a refused request would have been.
import { answerToError, statusToError } from './api-answer.ts'
import type { HttpStream } from './http-stream.ts'
import { JsonLines } from './json-lines.ts'
import type { WatchEvent } from './kube-client.ts'
import type { Status } from './types.gen.ts'

interface WireEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

interface BookmarkObject {
  readonly metadata: {
    readonly resourceVersion: string
    readonly annotations?: Readonly<Record<string, string>>
  }
}

const maxErrorBytes = 1024 * 1024

/** The events of an opened watch; closes it when the reader stops. */
export async function* readWatch<T>(
  stream: HttpStream,
  what: string,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  try {
    if (stream.status !== 200) {
      const body = await readText(stream)
      const { status, headers } = stream
      throw answerToError({ status, headers, body }, `watch ${what}`)
    }
    const lines = new JsonLines()
    for (let chunks = await stream.read(); chunks; chunks = await stream.read()) {
      for (const chunk of chunks) {
        for (const line of lines.push(chunk)) yield toEvent(line as WireEvent<T>, what)
      }
    }
  } finally {
    stream.close()
  }
}

function toEvent<T>(event: WireEvent<T>, what: string): WatchEvent<T> {
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: event.object }
    case 'BOOKMARK': {
      const { resourceVersion, annotations } = (event.object as BookmarkObject).metadata
      const isInitialEventsEnd = annotations?.['k8s.io/initial-events-end'] === 'true'
      return { type: 'BOOKMARK', resourceVersion, isInitialEventsEnd }
    }
    case 'ERROR': {
      const status = event.object as Status
      const seconds = status.details?.retryAfterSeconds
      throw statusToError(status.code ?? 500, `watch ${what}`, {
        status,
        ...(seconds ? { retryAfterMs: seconds * 1000 } : {}),
      })
    }
    default:
      throw new TypeError('the watch sent an event of an unknown type')
  }
}

async function readText(stream: HttpStream): Promise<string> {
  const all: Buffer[] = []
  let bytes = 0
  for (let chunks = await stream.read(); chunks; chunks = await stream.read()) {
    all.push(...chunks)
    bytes = all.reduce((sum, chunk) => sum + chunk.length, 0)
    if (bytes > maxErrorBytes) break
  }
  return Buffer.concat(all).toString('utf8')
}
