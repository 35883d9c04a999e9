// SPDX-License-Identifier: Apache-2.0
// A cron schedule: standard five fields, @hourly and its like, @every 90m. Where clocks change, a local
// time that does not exist is skipped and one that comes twice counts twice, as in Kubernetes.
import { parseCronFields } from './cron-fields.ts'
import type { CronFields } from './cron-fields.ts'
import { utc } from './time-zone.ts'
import type { TimeZone } from './time-zone.ts'

export interface CronSchedule {
  /** The first start after an instant; undefined when there is none within five years. */
  next(afterMs: number): number | undefined
}

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const minuteMs = 60_000
const quarterMs = 15 * minuteMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const maxDays = 5 * 366

/** Throws an Error that says what is wrong with `text`. */
export function parseCronSchedule(text: string, zone: TimeZone = utc): CronSchedule {
  if (text === '') throw new Error('empty spec string')
  if (text.startsWith('@every ')) return everySchedule(text.slice('@every '.length))
  const fieldsText = text.startsWith('@') ? descriptors[text] : text
  if (fieldsText === undefined) throw new Error(`unrecognized descriptor: ${text}`)
  const fields = parseCronFields(fieldsText)
  return { next: (afterMs) => nextStart(fields, zone, afterMs) }
}

function nextStart(fields: CronFields, zone: TimeZone, afterMs: number): number | undefined {
  const localMs = afterMs + zone.offsetMs(afterMs)
  // Days as if local time were UTC: the calendar is the same everywhere.
  const firstDayMs = Math.floor(localMs / dayMs) * dayMs
  for (let day = 0; day < maxDays; day += 1) {
    const dayStartMs = firstDayMs + day * dayMs
    if (!isDay(fields, new Date(dayStartMs))) continue
    const start = firstStartOfDay(fields, { zone, dayStartMs, afterMs })
    if (start !== undefined) return start
  }
  return undefined
}

// Clocks change at quarters of hours, so that between two of them local time runs evenly.
function firstStartOfDay(
  { hour, minute }: CronFields,
  at: { readonly zone: TimeZone; readonly dayStartMs: number; readonly afterMs: number },
): number | undefined {
  const { zone, dayStartMs, afterMs } = at
  const guessMs = dayStartMs - zone.offsetMs(dayStartMs)
  const slackMs = zone === utc ? 0 : 3 * hourMs
  const firstMs = Math.max(guessMs - slackMs, Math.floor(afterMs / quarterMs) * quarterMs)
  for (let quarter = firstMs; quarter < guessMs + dayMs + slackMs; quarter += quarterMs) {
    const localMs = quarter + zone.offsetMs(quarter)
    const sinceMidnightMs = localMs - dayStartMs
    if (sinceMidnightMs < 0 || sinceMidnightMs >= dayMs) continue
    if (!hour.values.has(Math.floor(sinceMidnightMs / hourMs))) continue
    const firstMinute = Math.floor((sinceMidnightMs % hourMs) / minuteMs)
    for (let offset = 0; offset < 15; offset += 1) {
      const startMs = quarter + offset * minuteMs
      if (startMs > afterMs && minute.values.has((firstMinute + offset) % 60)) return startMs
    }
  }
  return undefined
}

function isDay({ month, dayOfMonth, dayOfWeek }: CronFields, date: Date): boolean {
  if (!month.values.has(date.getUTCMonth() + 1)) return false
  const isOfMonth = dayOfMonth.values.has(date.getUTCDate())
  const isOfWeek = dayOfWeek.values.has(date.getUTCDay())
  // When both are restricted, either will do.
  if (dayOfMonth.isStar || dayOfWeek.isStar) return isOfMonth && isOfWeek
  return isOfMonth || isOfWeek
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: minuteMs,
  h: hourMs,
}

function everySchedule(text: string): CronSchedule {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    const cause = `time: invalid duration ${JSON.stringify(text)}`
    throw new Error(`failed to parse duration ${text}: ${cause}`)
  }
  let delayMs = 0
  for (const [, value, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    delayMs += Number(value) * (unitMs[unit ?? ''] ?? 0)
  }
  const wholeMs = Math.max(1000, Math.floor(delayMs / 1000) * 1000)
  return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + wholeMs }
}
