// SPDX-License-Identifier: Apache-2.0
// Times as pod statuses carry them: RFC 3339 in UTC, whole seconds.

// Under load one status after the other has the same few times, mostly the present one.
let lastSecond = Number.NaN
let lastText = ''

/** `2026-01-31T09:05:00Z`; fractions of a second are dropped. */
export function wireTime(timeMs: number): string {
  const second = Math.floor(timeMs / 1000)
  if (second !== lastSecond) {
    lastText = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`
    lastSecond = second
  }
  return lastText
}

/** Milliseconds since the epoch, or undefined for what is no time. */
export function parseWireTime(text: string | undefined): number | undefined {
  const timeMs = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : timeMs
}
