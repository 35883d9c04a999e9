// SPDX-License-Identifier: Apache-2.0
// Sets of numeric user or group ids as the configuration writes them: `[1000, "2000-2999"]`.

/** The highest id a process can have: the one above means "unchanged" to the kernel. */
export const highestId = 0xff_ff_ff_fe

/** A closed range of ids. */
export interface IdRange {
  readonly first: number
  readonly last: number
}

/** Reads a list of ids and ranges; undefined when an entry is neither. */
export function parseIdRanges(list: readonly (number | string)[]): readonly IdRange[] | undefined {
  const ranges: IdRange[] = []
  for (const entry of list) {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(String(entry))
    if (!match) return undefined
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last < first || last > highestId) return undefined
    ranges.push({ first, last })
  }
  return ranges
}

/** Is `id` in one of the ranges? */
export function isInRanges(id: number, ranges: readonly IdRange[]): boolean {
  return ranges.some(({ first, last }) => id >= first && id <= last)
}
