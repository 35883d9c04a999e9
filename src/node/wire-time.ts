// SPDX-License-Identifier: Apache-2.0
// Times as the API has them: seconds in conditions, microseconds in leases.

/** `2026-01-01T00:00:00Z`, the API's Time. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** `2026-01-01T00:00:00.000000Z`, the API's MicroTime, from microseconds since the epoch. */
export function formatMicroTime(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = `${micros - seconds * 1_000_000}`.padStart(6, '0')
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`
}

/** Microseconds since the epoch; undefined when the text is no time. */
export function parseMicroTime(text: string): number | undefined {
  const [, whole = '', fraction = '', zone = ''] =
    /^([\dT:-]+)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const ms = Date.parse(`${whole}${zone}`)
  if (Number.isNaN(ms)) return undefined
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}
