// SPDX-License-Identifier: Apache-2.0
// The five fields of a cron schedule: lists of numbers or names, ranges, steps. Refusals are worded as
// Kubernetes' users know them.

/** The values that one field admits. */
export interface CronField {
  readonly values: ReadonlySet<number>
  /** Whether the field says `*` or `?`: of two fields for the day, such a one does not widen the other. */
  readonly isStar: boolean
}

export interface CronFields {
  readonly minute: CronField
  readonly hour: CronField
  readonly dayOfMonth: CronField
  /** 1 to 12. */
  readonly month: CronField
  /** 0 is Sunday. */
  readonly dayOfWeek: CronField
}

interface Bounds {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** Reads `30 6-16/4 * * 1-5`. Throws an Error that says what is wrong. */
export function parseCronFields(text: string): CronFields {
  const fields = text.split(/\s+/).filter((field) => field !== '')
  if (fields.length !== 5) {
    throw new Error(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  }
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields
  return {
    minute: parseField(minute, { min: 0, max: 59 }),
    hour: parseField(hour, { min: 0, max: 23 }),
    dayOfMonth: parseField(dayOfMonth, { min: 1, max: 31 }),
    month: parseField(month, { min: 1, max: 12, names: months }),
    dayOfWeek: parseField(dayOfWeek, { min: 0, max: 6, names: weekdays }),
  }
}

function parseField(text: string, bounds: Bounds): CronField {
  const parts = text.split(',').filter((part) => part !== '')
  const ranges = parts.map((part) => parseRange(part, bounds))
  return {
    values: new Set(ranges.flatMap(({ values }) => values)),
    isStar: ranges.some(({ isStar }) => isStar),
  }
}

function parseRange(
  text: string,
  bounds: Bounds,
): { readonly values: readonly number[]; readonly isStar: boolean } {
  const [range = '', stepText, ...moreSlashes] = text.split('/')
  const [lowText = '', highText, ...moreHyphens] = range.split('-')
  if (moreSlashes.length > 0) throw new Error(`too many slashes: ${text}`)
  const isAll = lowText === '*' || lowText === '?'
  if (!isAll && moreHyphens.length > 0) throw new Error(`too many hyphens: ${text}`)
  const low = isAll ? bounds.min : parseNumber(lowText, bounds)
  const high = isAll
    ? bounds.max
    : highText === undefined
      ? undefined
      : parseNumber(highText, bounds)
  const step = stepText === undefined ? 1 : parseInteger(stepText)
  // `5/15` counts from 5 to the end.
  const end = high ?? (stepText === undefined ? low : bounds.max)
  checkRange({ low, end, step }, bounds, text)
  const values: number[] = []
  for (let value = low; value <= end; value += step) values.push(value)
  return { values, isStar: isAll && step === 1 }
}

function checkRange(
  { low, end, step }: { readonly low: number; readonly end: number; readonly step: number },
  { min, max }: Bounds,
  text: string,
): void {
  if (low < min) throw new Error(`beginning of range (${low}) below minimum (${min}): ${text}`)
  if (end > max) throw new Error(`end of range (${end}) above maximum (${max}): ${text}`)
  if (low > end) {
    throw new Error(`beginning of range (${low}) beyond end of range (${end}): ${text}`)
  }
  if (step === 0) throw new Error(`step of range should be a positive number: ${text}`)
}

function parseNumber(text: string, { min, names }: Bounds): number {
  const index = names?.indexOf(text.toLowerCase()) ?? -1
  return index === -1 ? parseInteger(text) : index + min
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    const cause = `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`
    throw new Error(`failed to parse int from ${text}: ${cause}`)
  }
  const value = Number(text)
  if (value < 0) throw new Error(`negative number (${value}) not allowed: ${text}`)
  return value
}
