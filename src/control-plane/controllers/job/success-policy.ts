// SPDX-License-Identifier: Apache-2.0
// Whether the indexes that have succeeded are enough for a Job's successPolicy.
import type { Job, SuccessPolicyRule } from '../../../kube/types.gen.ts'
import { countCommon, countIndexes, parseIndexRanges } from './index-ranges.ts'
import type { IndexRanges } from './index-ranges.ts'

/** The message of the condition, or undefined while no rule is met. */
export function successPolicyMessage({ spec }: Job, succeeded: IndexRanges): string | undefined {
  if (!spec.successPolicy || succeeded.length === 0) return undefined
  const index = spec.successPolicy.rules.findIndex((rule) =>
    isRuleMet(rule, { succeeded, completions: spec.completions ?? 0 }),
  )
  return index === -1 ? undefined : `Matched rules at index ${index}`
}

function isRuleMet(
  { succeededIndexes, succeededCount }: SuccessPolicyRule,
  { succeeded, completions }: { readonly succeeded: IndexRanges; readonly completions: number },
): boolean {
  if (succeededIndexes === undefined) {
    return succeededCount !== undefined && countIndexes(succeeded) >= succeededCount
  }
  const wanted = parseIndexRanges(succeededIndexes, completions)
  if (wanted.length === 0) return false
  return countCommon(wanted, succeeded) >= (succeededCount ?? countIndexes(wanted))
}
