// SPDX-License-Identifier: Apache-2.0
// Sets of completion indexes as a Job's status writes them: `0-3,5,7,8`. Ten thousand finished indexes
// are a few ranges most of the time, so that every operation costs ranges, not indexes.

/** Indexes from `first` to `last`, both included. */
export interface IndexRange {
  readonly first: number
  readonly last: number
}

/** In ascending order; neither overlapping nor adjacent. */
export type IndexRanges = readonly IndexRange[]

/** Reads what a status or a rule says; indexes from `completions` on, and what is no number, are dropped. */
export function parseIndexRanges(text: string | undefined, completions: number): IndexRanges {
  const ranges: IndexRange[] = []
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (!match) continue
    const first = Number(match[1])
    if (first >= completions) break
    ranges.push({ first, last: Math.min(Number(match[2] ?? first), completions - 1) })
  }
  return mergeRanges(ranges, [])
}

/** The text that a status carries: two neighbours as `1,2`, more as `1-3`. */
export function formatIndexRanges(ranges: IndexRanges): string {
  return ranges
    .map(({ first, last }) => {
      if (first === last) return `${first}`
      return last === first + 1 ? `${first},${last}` : `${first}-${last}`
    })
    .join(',')
}

/** The union with single indexes in any order. */
export function withIndexes(ranges: IndexRanges, indexes: Iterable<number>): IndexRanges {
  const sorted = [...indexes].sort((a, b) => a - b)
  return mergeRanges(
    ranges,
    sorted.map((index) => ({ first: index, last: index })),
  )
}

/** The union; both arguments in ascending order. */
export function mergeRanges(a: IndexRanges, b: IndexRanges): IndexRanges {
  const merged: { first: number; last: number }[] = []
  const take = ({ first, last }: IndexRange): void => {
    const previous = merged.at(-1)
    if (previous && first <= previous.last + 1) previous.last = Math.max(previous.last, last)
    else merged.push({ first, last })
  }
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]]
    if (x && (!y || x.first < y.first)) {
      take(x)
      i += 1
    } else if (y) {
      take(y)
      j += 1
    }
  }
  return merged
}

/** How many indexes there are. */
export function countIndexes(ranges: IndexRanges): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

export function hasIndex(ranges: IndexRanges, index: number): boolean {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle]?.last ?? 0) >= index) high = middle
    else low = middle + 1
  }
  return (ranges[low]?.first ?? Infinity) <= index
}

/** How many indexes both have. */
export function countCommon(a: IndexRanges, b: IndexRanges): number {
  let common = 0
  let [i, j] = [0, 0]
  for (let [x, y] = [a[i], b[j]]; x && y; [x, y] = [a[i], b[j]]) {
    common += Math.max(0, Math.min(x.last, y.last) - Math.max(x.first, y.first) + 1)
    if (x.last <= y.last) i += 1
    if (y.last <= x.last) j += 1
  }
  return common
}

/** The first `count` indexes below `completions` that are not in `ranges`. */
export function firstMissing(
  ranges: IndexRanges,
  { count, completions }: { readonly count: number; readonly completions: number },
): readonly number[] {
  const missing: number[] = []
  let candidate = 0
  for (const { first, last } of [...ranges, { first: completions, last: completions }]) {
    const end = Math.min(first, completions)
    for (; candidate < end && missing.length < count; candidate += 1) missing.push(candidate)
    if (missing.length === count) break
    candidate = Math.max(candidate, last + 1)
  }
  return missing
}
