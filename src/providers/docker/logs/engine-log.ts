// SPDX-License-Identifier: Apache-2.0
// The log of one run, from the engine that keeps it. What is stored is read first; then the engine is
// followed; when its answer ends, what is stored is read once more, so that a connection that broke,
// an engine that was restarted or one that stops following too soon loses nothing and doubles nothing.
import type { CallContext } from '../../../provider/provider.ts'
import type { LogBatch, LogEntry, LogQuery } from '../../../provider/log-feed.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError, messageOf } from '../../../util/vk-error.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { isNotFound } from '../engine/engine-error.ts'
import { whileHeard } from '../engine/while-heard.ts'
import { LogPosition } from './log-position.ts'
import { stampedEntries } from './stamped-lines.ts'

export interface EngineLog {
  readonly client: EngineClient
  readonly clock: Clock
  readonly engineId: string
  readonly isTerminal: boolean
  /** Looks whether the run has ended. */
  hasEnded(signal: AbortSignal): Promise<boolean>
}

const retryMs = 1000
/** Between two pieces of what is stored. */
const maxSilenceMs = 30_000

/** The log as a feed; see ContainerRuntime.logs. */
export async function* readEngineLog(
  log: EngineLog,
  query: LogQuery,
  { signal, log: logger }: CallContext,
): AsyncGenerator<LogBatch, void, void> {
  const position = new LogPosition()
  yield* stored(log, { query, position, signal })
  if (!query.follow || signal.aborted) return
  yield { entries: [], isLive: true }
  while (!signal.aborted) {
    try {
      const isOver = await log.hasEnded(signal)
      for await (const entries of readOnce(log, { follow: !isOver, position, signal })) {
        yield { entries, isLive: true }
      }
      if (isOver) return
    } catch (error) {
      if (signal.aborted) return
      if (isNotFound(error)) return
      logger.debug(
        { error: messageOf(error) },
        'Log of a container cannot be followed; trying again',
      )
      await log.clock.sleep(retryMs, { signal }).catch(() => {
        // Only the abort ends a sleep early; the loop's condition sees it.
      })
    }
  }
}

interface Reading {
  readonly position: LogPosition
  readonly signal: AbortSignal
}

/** What is stored now. With a hint at its end, that much is asked for first. */
async function* stored(
  log: EngineLog,
  { query, ...reading }: Reading & { readonly query: LogQuery },
): AsyncGenerator<LogBatch, void, void> {
  const { tailLines, sinceMs } = query
  if (tailLines !== undefined && sinceMs === undefined) {
    const end = await readEnd(log, { tailLines, ...reading })
    if (end) {
      yield { entries: end, isLive: false }
      return
    }
  }
  const since = sinceMs === undefined ? undefined : Math.max(0, Math.floor(sinceMs / 1000))
  for await (const entries of readOnce(log, { follow: false, since, ...reading })) {
    yield { entries, isLive: false }
  }
}

/**
 * The last lines; undefined where so many entries hold fewer lines, because some are parts of long ones.
 * The position is only moved by an answer that counts.
 */
async function readEnd(
  log: EngineLog,
  { tailLines, position, signal }: Reading & { readonly tailLines: number },
): Promise<readonly LogEntry[] | undefined> {
  const all: LogEntry[] = []
  const whole = new LogPosition()
  for await (const entries of readOnce(log, {
    tail: tailLines,
    follow: false,
    position: whole,
    signal,
  })) {
    all.push(...entries)
  }
  const lines = all.filter(({ bytes }) => bytes.at(-1) === 0x0a).length
  const isShort = all.length >= tailLines && lines < tailLines
  // Where the last second's entries are cut off, a later request could not tell what was read of it.
  if (isShort || !isSecondWhole(all, tailLines)) return undefined
  position.advance(all)
  return all
}

function isSecondWhole(all: readonly LogEntry[], tailLines: number): boolean {
  if (all.length < tailLines) return true
  const seconds = all.map(({ timeMs }) => Math.floor(timeMs / 1000))
  return seconds.some((second) => second < (seconds.at(-1) ?? 0))
}

interface ReadOptions extends Reading {
  readonly follow: boolean
  readonly tail?: number | undefined
  readonly since?: number | undefined
}

async function* readOnce(
  { client, clock, engineId, isTerminal }: EngineLog,
  { follow, tail, since, position, signal }: ReadOptions,
): AsyncGenerator<readonly LogEntry[], void, void> {
  const query = {
    stdout: 1,
    stderr: 1,
    timestamps: 1,
    follow: follow ? 1 : 0,
    tail: tail ?? 'all',
    since: position.since ?? since,
  }
  position.rewind()
  const request = { path: `/containers/${engineId}/logs`, query }
  // Whoever follows may have to wait for ever, with Podman even for an answer to begin.
  const limit = follow ? Infinity : maxSilenceMs
  const answer = await client.stream(request, { signal, timeoutMs: limit })
  const message = `nothing came for ${maxSilenceMs / 1000} s`
  const pieces = whileHeard(answer, { clock, maxSilenceMs: limit, message })
  try {
    for await (const entries of stampedEntries(pieces, { isTerminal })) {
      const fresh = position.advance(entries)
      if (fresh.length > 0) yield fresh
    }
  } catch (error) {
    if (signal.aborted) return
    throw new VkError('Unavailable', `the log's connection broke: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    answer.destroy()
  }
}
