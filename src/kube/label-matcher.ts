// SPDX-License-Identifier: Apache-2.0
// Label selectors, read once and then asked often: a scheduler asks the same selector of thousands of
// pods. Every question whether labels meet a requirement ends here.
import type { LabelSelector } from './types.gen.ts'

/** Labels of an object; none when undefined. */
export type Labels = Readonly<Record<string, string>> | undefined

/** A selector ready to be asked. */
export interface LabelMatcher {
  /** Whether it selects everything because it names nothing. */
  readonly isEmpty: boolean
  readonly matches: (labels: Labels) => boolean
}

/** Selects nothing: what a selector that is absent means. */
export const matchesNothing: LabelMatcher = { isEmpty: false, matches: () => false }

const matchesEverything: LabelMatcher = { isEmpty: true, matches: () => true }

/** One condition on one key; several have to hold together. */
export interface Requirement {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

/** A selector of the API: an absent one selects nothing, an empty one everything. */
export function matcherOf(selector: LabelSelector | undefined): LabelMatcher {
  if (selector === undefined) return matchesNothing
  return matcherOfRequirements([
    ...requirementsOf(selector.matchLabels),
    ...(selector.matchExpressions ?? []),
  ])
}

/** The older form of a selector: a map of labels. An absent or empty one selects everything. */
export function matcherOfLabels(labels: Labels): LabelMatcher {
  return matcherOfRequirements(requirementsOf(labels))
}

/** All `requirements` have to hold. */
export function matcherOfRequirements(requirements: readonly Requirement[]): LabelMatcher {
  if (requirements.length === 0) return matchesEverything
  const [first] = requirements
  if (requirements.length === 1 && first) {
    return { isEmpty: false, matches: (labels) => meets(labelAt(labels, first.key), first) }
  }
  return {
    isEmpty: false,
    matches: (labels) => requirements.every((one) => meets(labelAt(labels, one.key), one)),
  }
}

/** The map of labels as requirements. */
export function requirementsOf(labels: Labels): readonly Requirement[] {
  return Object.entries(labels ?? {}).map(([key, value]) => ({
    key,
    operator: 'In',
    values: [value],
  }))
}

/** Undefined for a label that is not there, also when every object has something of that name. */
function labelAt(labels: Labels, key: string): string | undefined {
  return labels && Object.hasOwn(labels, key) ? labels[key] : undefined
}

/** Whether a label's value, undefined when it is missing, meets the requirement. */
export function meets(value: string | undefined, { operator, values = [] }: Requirement): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return isInteger(value) && isInteger(values[0]) && wholeOf(value) > wholeOf(values[0])
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && wholeOf(value) < wholeOf(values[0])
    default:
      return false
  }
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^[+-]?\d+$/.test(text)
}

function wholeOf(text: string): bigint {
  return BigInt(text.replace('+', ''))
}
