// SPDX-License-Identifier: Apache-2.0
//
// Where the embedded control plane answers differently and is meant to: each with the cases, the lines that may
// differ in them, and the reason. A case named here that does not differ is a mistake too.
import type { Outcome } from './parity-case.ts'
import { differences } from './compare-outcomes.ts'

/** One reason, and all that it explains. */
export interface AcceptedDifference {
  readonly reason: string
  /** Ids of cases. */
  readonly cases: readonly string[]
  /** What a differing line may look like; without it, anything. */
  readonly lines?: RegExp
}

export const acceptedDifferences: readonly AcceptedDifference[] = []

/** The reason why this case may differ, or undefined when it must not. */
export function acceptedFor(id: string): AcceptedDifference | undefined {
  return acceptedDifferences.find(({ cases }) => cases.includes(id))
}

/** Differences that nothing explains; on the embedded control plane also a reason that explains nothing. */
export function unexplained(
  id: string,
  {
    expected,
    actual,
  }: { readonly expected: Outcome | undefined; readonly actual: Outcome | undefined },
): readonly string[] {
  const lines = differences(expected, actual)
  const accepted = acceptedFor(id)
  if (accepted === undefined) return lines
  if (lines.length === 0) return [`does not differ, though it is accepted: ${accepted.reason}`]
  return lines.filter((line) => accepted.lines !== undefined && !accepted.lines.test(line))
}
