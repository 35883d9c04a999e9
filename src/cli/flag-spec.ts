// SPDX-License-Identifier: Apache-2.0
// One flag as the tables name it, and how texts of flags and variables are read.
import { UserError } from '../util/vk-error.ts'
import type { NodeSettings, ProcessSettings } from './settings.ts'

export type SettingKey = keyof NodeSettings | keyof ProcessSettings

/** One flag. */
export interface FlagSpec {
  /** As commander wants it: `--node-ip <ip>`. */
  readonly flags: string
  readonly key: SettingKey
  readonly env?: string
  readonly help: string
  readonly read: (text: string) => unknown
  /** An empty text on the command line says something; elsewhere it counts as not given. */
  readonly mayBeEmpty?: true
}

export const asText = (text: string): string => text
export const asList = (text: string): readonly string[] =>
  text.split(',').map((part) => part.trim())

/** A whole number that is not negative. */
export function asNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new UserError(`"${text}" is not a whole number`)
  return Number(text)
}

export function asBoolean(text: string): boolean {
  if (/^(true|t|1|yes|on)$/i.test(text)) return true
  if (/^(false|f|0|no|off)$/i.test(text)) return false
  throw new UserError(`"${text}" is neither true nor false`)
}

export function asLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (const pair of asList(text)) {
    const [key, value] = pair.split(/=(.*)/s, 2)
    if (!key || value === undefined)
      throw new UserError(`"${pair}" is no label`, { hint: 'Write key=value,key=value.' })
    labels[key] = value
  }
  return labels
}

export function asTaints(text: string): readonly object[] {
  return asList(text).map((item) => {
    const match = /^([^=:]+)(?:=([^:]*))?:(\w+)$/.exec(item)
    if (!match) {
      throw new UserError(`"${item}" is no taint`, { hint: 'Write key=value:NoSchedule.' })
    }
    return { key: match[1], value: match[2] ?? '', effect: match[3] }
  })
}

/** `90s`, `1m30s`, or plain seconds; as Go writes durations. */
export function asSeconds(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new UserError(`"${text}" is no duration`, { hint: 'Write 30s, 5m or 1h30m.' })
  }
  return parts.reduce(
    (sum, [, number, unit]) => sum + Number(number) * (units[unit ?? 's'] ?? 1),
    0,
  )
}
