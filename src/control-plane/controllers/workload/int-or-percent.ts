// SPDX-License-Identifier: Apache-2.0
// Numbers that users may give as a share: `2` or `25%`.

/** The number that is meant, of `total`; what cannot be read counts as 0. */
export function scaledValue(
  value: number | string | undefined,
  { total, round }: { readonly total: number; readonly round: 'up' | 'down' },
): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value ?? '')?.[1]
  if (percent === undefined) return 0
  const share = (Number(percent) * total) / 100
  return round === 'up' ? Math.ceil(share) : Math.floor(share)
}
