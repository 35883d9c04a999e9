// SPDX-License-Identifier: Apache-2.0
// When a node counts as short of something: a signal falls below an amount, or below a share of the whole.
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'

/** What can run out, by the kubelet's names. */
export const signals = ['memory.available', 'nodefs.available', 'nodefs.inodesFree'] as const

export type Signal = (typeof signals)[number]

export interface Threshold {
  readonly signal: Signal
  readonly value:
    | { readonly kind: 'amount'; readonly amount: number }
    | { readonly kind: 'share'; readonly share: number }
  /** A soft one, which pods are evicted for only when it has been crossed for so long. */
  readonly patienceMs?: number
}

/**
 * A threshold as the settings write it, `100Mi` or `10%`; `never` for 0% and 100%, which are no
 * thresholds, and undefined for a text that is none.
 */
export function parseThreshold(signal: string, text: string): Threshold | 'never' | undefined {
  const known = signals.find((one) => one === signal)
  if (!known) return undefined
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]
  if (percent !== undefined) {
    const share = Number(percent) / 100
    if (share === 0 || share === 1) return 'never'
    return share < 1 ? { signal: known, value: { kind: 'share', share } } : undefined
  }
  try {
    const amount = Number(wholeUnits(parseQuantity(text)))
    return amount > 0 ? { signal: known, value: { kind: 'amount', amount } } : undefined
  } catch {
    // parseQuantity throws for nothing but a text that is no quantity.
    return undefined
  }
}

/** The thresholds of a table by signal; what is none was refused when the settings were read. */
export function thresholdsOf(table: Readonly<Record<string, string>>): readonly Threshold[] {
  return Object.entries(table).flatMap(([signal, text]) => {
    const threshold = parseThreshold(signal, text)
    return threshold === undefined || threshold === 'never' ? [] : [threshold]
  })
}

/** The same of soft ones, with their periods in seconds by signal. */
export function softThresholdsOf(
  table: Readonly<Record<string, string>>,
  periodSeconds: Readonly<Record<string, number>>,
): readonly Threshold[] {
  return thresholdsOf(table).map((threshold) => ({
    ...threshold,
    patienceMs: (periodSeconds[threshold.signal] ?? 0) * 1000,
  }))
}

/** The amount below which it is crossed, where the whole is so much. */
export function thresholdAmount({ value }: Threshold, capacity: number): number {
  return value.kind === 'amount' ? value.amount : Math.floor(capacity * value.share)
}
