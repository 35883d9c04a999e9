// SPDX-License-Identifier: Apache-2.0
// A container run's directory whose output the test writes itself, and feeds read to their end.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogBatch, LogEntry, LogQuery } from '../../src/provider/log-feed.ts'
import { stderrFileName, stdoutFileName } from '../../src/runtime/container-runtime.ts'

export type Stream = LogEntry['stream']

export class LogDir implements Disposable {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'vk-logs-'))
  readonly written: Record<Stream, Buffer[]> = { stdout: [], stderr: [] }

  path(stream: Stream): string {
    return join(this.dir, stream === 'stdout' ? stdoutFileName : stderrFileName)
  }

  write(stream: Stream, content: string | Buffer): void {
    const bytes = Buffer.from(content)
    appendFileSync(this.path(stream), bytes)
    this.written[stream].push(bytes)
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export const everything: LogQuery = { previous: false, follow: false }

export async function entriesOf(feed: AsyncIterable<LogBatch>): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  for await (const batch of feed) entries.push(...batch.entries)
  return entries
}

/** `o:hello` and `e:oops`, without the newline. */
export function asText(entries: readonly LogEntry[]): string[] {
  return entries.map(
    ({ stream, bytes }) =>
      `${stream === 'stdout' ? 'o' : 'e'}:${Buffer.from(bytes).toString().trimEnd()}`,
  )
}
