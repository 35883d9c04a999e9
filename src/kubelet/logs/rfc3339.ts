// SPDX-License-Identifier: Apache-2.0
// Times as log options and log lines have them: RFC 3339, read strictly and written in UTC with nine
// digits, fast enough to stand before every line.
const pattern =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** Milliseconds since the epoch, with fractions; undefined for what is no RFC 3339 time. */
export function parseRfc3339(text: string): number | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number)
  const [fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match.slice(7)
  const at = new Date(0)
  at.setUTCFullYear(year, month - 1, day)
  at.setUTCHours(hour, minute, second)
  const isCalendarDate =
    at.getUTCMonth() === month - 1 && at.getUTCDate() === day && at.getUTCHours() === hour
  if (!isCalendarDate || minute > 59 || second > 59) return undefined
  if (Number(offsetHours) > 24 || Number(offsetMinutes) > 59) return undefined
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000
  const fractionMs = Math.round(Number(`0.${fraction}`) * 1e6) / 1000
  return at.getTime() + fractionMs - (sign === '-' ? -offsetMs : offsetMs)
}

/** Writes times; one instance remembers the second it wrote last. */
export class TimestampFormatter {
  #second = Number.NaN
  #prefix = ''

  /** `2026-01-31T23:59:59.123456000Z`; microseconds are as far as a number of milliseconds goes. */
  format(timeMs: number): string {
    let second = Math.floor(timeMs / 1000)
    let micros = Math.round((timeMs - second * 1000) * 1000)
    if (micros === 1_000_000) {
      second++
      micros = 0
    }
    if (second !== this.#second) {
      this.#second = second
      this.#prefix = new Date(second * 1000).toISOString().slice(0, -4)
    }
    return `${this.#prefix}${String(micros).padStart(6, '0')}000Z`
  }
}
