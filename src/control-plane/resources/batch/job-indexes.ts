// SPDX-License-Identifier: Apache-2.0
// Sets of indexes as Jobs write them: `1,3-5,7`, ascending, below the number of completions.

/** How many there are, or what is wrong with the text. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0
  let last = -1
  let total = 0
  for (const part of text.split(',')) {
    const interval = readInterval(part, completions)
    if (typeof interval === 'string') return interval
    const [first, end] = interval
    if (last >= first) return `non-increasing order, previous: ${last}, current: ${first}`
    total += end - first + 1
    last = end
  }
  return total
}

function readInterval(text: string, completions: number): readonly [number, number] | string {
  const parts = text.split('-')
  if (parts.length > 2) {
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`
  }
  const numbers: number[] = []
  for (const part of parts) {
    const shown = JSON.stringify(part)
    if (!/^\d+$/.test(part)) return `cannot convert string to integer for index: ${shown}`
    if (Number(part) >= completions) return `too large index: ${shown}`
    numbers.push(Number(part))
  }
  const [first = 0, end = first] = numbers
  if (numbers.length === 2 && first >= end) {
    return `non-increasing order, previous: ${first}, current: ${end}`
  }
  return [first, end]
}
