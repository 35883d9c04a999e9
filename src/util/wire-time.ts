// SPDX-License-Identifier: Apache-2.0
// Times as Kubernetes objects carry them: RFC 3339 in UTC, in whole seconds or with six decimals.

// Under load one object after the other has the same few times, mostly the present one.
let lastSecond = Number.NaN
let lastText = ''

/** `2026-01-31T09:05:00Z`, the API's Time; fractions of a second are dropped. */
export function wireTime(timeMs: number): string {
  const second = Math.floor(timeMs / 1000)
  if (second !== lastSecond) {
    lastText = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`
    lastSecond = second
  }
  return lastText
}

/** Milliseconds since the epoch; undefined for what is absent or no time. */
export function parseWireTime(text: string | undefined): number | undefined {
  const timeMs = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** `2026-01-31T09:05:00.000000Z`, the API's MicroTime, from microseconds since the epoch. */
export function wireMicroTime(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = `${micros - seconds * 1_000_000}`.padStart(6, '0')
  return `${wireTime(seconds * 1000).slice(0, 19)}.${fraction}Z`
}

/** Microseconds since the epoch; undefined when the text is no time. */
export function parseWireMicroTime(text: string): number | undefined {
  const [, whole = '', fraction = '', zone = ''] =
    /^([\dT:-]+)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const ms = Date.parse(`${whole}${zone}`)
  if (Number.isNaN(ms)) return undefined
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}
