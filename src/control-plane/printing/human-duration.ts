// SPDX-License-Identifier: Apache-2.0
// Durations and ages as kubectl's users know them: `5s`, `3m20s`, `47h`, `2d3h`.

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** A duration with two or three digits that count. Clocks may differ by two seconds. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / secondMs)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(durationMs / minuteMs)
  if (minutes < 10) return withRest(minutes, 'm', { rest: seconds % 60, restUnit: 's' })
  if (minutes < 180) return `${minutes}m`
  return longDuration(Math.trunc(durationMs / hourMs), minutes)
}

/** How long ago a timestamp of an object was; `<unknown>` where there is none. */
export function ageOf(timestamp: string | null | undefined, nowMs: number): string {
  if (!timestamp) return '<unknown>'
  return humanDuration(nowMs - Date.parse(timestamp))
}

function longDuration(hours: number, minutes: number): string {
  const days = Math.trunc(hours / 24)
  if (hours < 8) return withRest(hours, 'h', { rest: minutes % 60, restUnit: 'm' })
  if (hours < 48) return `${hours}h`
  if (hours < 24 * 8) return withRest(days, 'd', { rest: hours % 24, restUnit: 'h' })
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.trunc(days / 365)
  if (hours < 24 * 365 * 8) return withRest(years, 'y', { rest: days % 365, restUnit: 'd' })
  return `${years}y`
}

function withRest(
  count: number,
  unit: string,
  { rest, restUnit }: { readonly rest: number; readonly restUnit: string },
): string {
  return rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`
}
