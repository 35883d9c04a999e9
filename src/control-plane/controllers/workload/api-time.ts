// SPDX-License-Identifier: Apache-2.0
// Times as objects carry them: whole seconds, UTC.

/** `2026-01-01T00:00:00Z`. */
export function apiTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** Milliseconds since the epoch; undefined for what is absent or no time. */
export function msOf(time: string | undefined): number | undefined {
  if (time === undefined) return undefined
  const ms = Date.parse(time)
  return Number.isNaN(ms) ? undefined : ms
}
