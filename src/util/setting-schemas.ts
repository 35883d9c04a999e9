// SPDX-License-Identifier: Apache-2.0
// What configurations of providers have in common: kinds of settings, and how a mistake in one is told.
import * as v from 'valibot'
import { parseQuantity } from './quantity.ts'

/** A path from the root without a detour. */
export const absolutePath: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.regex(/^\/(?!.*(^|\/)\.\.?(\/|$))/, 'must be an absolute path without "." or ".."'),
)

/** An amount that is not negative, as Kubernetes writes it; numbers are taken, too. */
export const quantity: v.GenericSchema<string | number, string> = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.check(isQuantity, 'must be a quantity such as 4, 500m or 8Gi'),
)

/** Says in a few words which setting is wrong, and what it must be. */
export function describeMistake(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'it'
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return `there is no setting "${path}"`
  }
  return issue.message.startsWith('Invalid')
    ? `"${path}" must be ${issue.expected ?? 'valid'} (${issue.received})`
    : `"${path}" ${issue.message} (${issue.received})`
}

function isQuantity(text: string): boolean {
  try {
    return parseQuantity(text).nanos >= 0n
  } catch {
    // parseQuantity throws for nothing but a text that is no quantity.
    return false
  }
}
