// SPDX-License-Identifier: Apache-2.0
//
// Where two outcomes of a case differ, as lines that a reader can act upon.
import type { Outcome } from './parity-case.ts'

/** Lines with - (only in the expected outcome) and + (only in the actual one); empty when equal. */
export function differences(expected: Outcome | undefined, actual: Outcome | undefined): string[] {
  if (!expected || !actual) return [`${expected ? '-' : '+'} (the case ran on one side only)`]
  const lines: string[] = []
  if (expected.code !== actual.code) lines.push(`- exit ${expected.code}`, `+ exit ${actual.code}`)
  lines.push(...lineDifferences(expected.stdout, actual.stdout, ''))
  lines.push(...lineDifferences(expected.stderr, actual.stderr, 'stderr: '))
  return lines
}

/** Longest common subsequence: outputs are some hundred lines at most. */
function lineDifferences(expected: string, actual: string, label: string): string[] {
  if (expected === actual) return []
  const left = expected.split('\n')
  const right = actual.split('\n')
  const lengths = commonLengths(left, right)
  const lines: string[] = []
  let [i, j] = [0, 0]
  while (i < left.length || j < right.length) {
    const skipLeft = lengths[i + 1]?.[j] ?? -1
    const skipRight = lengths[i]?.[j + 1] ?? -1
    if (i < left.length && j < right.length && left[i] === right[j]) {
      i += 1
      j += 1
    } else if (i < left.length && skipLeft >= skipRight) {
      lines.push(`- ${label}${left[i++]}`)
    } else {
      lines.push(`+ ${label}${right[j++]}`)
    }
  }
  return lines
}

function commonLengths(left: readonly string[], right: readonly string[]): number[][] {
  const lengths = Array.from({ length: left.length + 1 }, () =>
    Array.from({ length: right.length + 1 }, () => 0),
  )
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      const [row, below] = [lengths[i]!, lengths[i + 1]!]
      row[j] = left[i] === right[j] ? below[j + 1]! + 1 : Math.max(below[j]!, row[j + 1]!)
    }
  }
  return lengths
}
