// SPDX-License-Identifier: Apache-2.0
// How far the clocks of a time zone are ahead of UTC, from the data that JavaScript engines carry.

export interface TimeZone {
  readonly name: string
  /** Milliseconds that local time is ahead of UTC at an instant. */
  offsetMs(atMs: number): number
}

export const utc: TimeZone = { name: 'UTC', offsetMs: () => 0 }

const known = new Map<string, TimeZone>([
  ['UTC', utc],
  ['Etc/UTC', utc],
])

/** The zone of a name such as `Europe/Berlin`; undefined for one that does not exist. */
export function findTimeZone(name: string): TimeZone | undefined {
  const zone = known.get(name) ?? loadTimeZone(name)
  if (zone) known.set(name, zone)
  return zone
}

/** `2026-01-01T00:05:00+01:00`, or with Z where local time is UTC. */
export function formatLocal(ms: number, zone: TimeZone): string {
  const offsetMs = zone.offsetMs(ms)
  const text = new Date(ms + offsetMs).toISOString().slice(0, 19)
  if (offsetMs === 0) return `${text}Z`
  const minutes = Math.abs(offsetMs) / 60_000
  const pad = (value: number): string => `${value}`.padStart(2, '0')
  return `${text}${offsetMs < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`
}

function loadTimeZone(name: string): TimeZone | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    // The engine does not know the name; that is the answer.
    return undefined
  }
  return { name, offsetMs: (atMs) => offsetOf(format, atMs) }
}

function offsetOf(format: Intl.DateTimeFormat, atMs: number): number {
  const wholeMs = Math.floor(atMs / 1000) * 1000
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
  for (const { type, value } of format.formatToParts(wholeMs)) parts[type] = Number(value)
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs
}
