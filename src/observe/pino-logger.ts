// SPDX-License-Identifier: Apache-2.0
// The Logger on pino: one JSON object a line, or readable lines on a terminal. Fields whose names
// speak of secrets are blanked here as a last net; nothing secret should get this far.
import { pino } from 'pino'
import type { DestinationStream } from 'pino'
import type { Logger } from '../util/logger.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]
export const logFormats = ['json', 'text'] as const
export type LogFormat = (typeof logFormats)[number]

export interface PinoLoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Where lines go; default standard error, which keeps standard output for results. */
  readonly destination?: { write(line: string): void }
}

const secretNames = [
  'token',
  'password',
  'secret',
  'authorization',
  'env',
  'clientKey',
  'clientKeyData',
]

/** A logger for the whole process. */
export function createPinoLogger(options: PinoLoggerOptions): Logger {
  const { level, format, destination = process.stderr } = options
  const stream: DestinationStream =
    format === 'json'
      ? { write: (line) => void destination.write(line) }
      : { write: (line) => void destination.write(textLine(line)) }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`]),
        censor: '[redacted]',
      },
    },
    stream,
  )
  return logger
}

function textLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${textOf(value)}`)
  return (
    [`${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`, ...rest].join(' ') +
    '\n'
  )
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)
}
