// SPDX-License-Identifier: Apache-2.0
// When a node counts as short of something: a signal falls below an amount, or below a share of the whole.
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'

/** What can run out, by the kubelet's names. */
export const signals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'pid.available',
] as const

export type Signal = (typeof signals)[number]

export interface Threshold {
  readonly signal: Signal
  readonly value:
    | { readonly kind: 'amount'; readonly amount: number }
    | { readonly kind: 'share'; readonly share: number }
}

/** A threshold as the settings write it, `100Mi` or `10%`; undefined when it is none. */
export function parseThreshold(signal: string, text: string): Threshold | undefined {
  const known = signals.find((one) => one === signal)
  if (!known) return undefined
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]
  if (percent !== undefined) {
    const share = Number(percent) / 100
    return share < 1 ? { signal: known, value: { kind: 'share', share } } : undefined
  }
  try {
    const amount = Number(wholeUnits(parseQuantity(text)))
    return amount >= 0 ? { signal: known, value: { kind: 'amount', amount } } : undefined
  } catch {
    // parseQuantity throws for nothing but a text that is no quantity.
    return undefined
  }
}

/** The amount below which it is crossed, where the whole is so much. */
export function thresholdAmount({ value }: Threshold, capacity: number): number {
  return value.kind === 'amount' ? value.amount : Math.floor(capacity * value.share)
}
