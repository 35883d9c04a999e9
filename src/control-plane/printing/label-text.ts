// SPDX-License-Identifier: Apache-2.0
// Labels and label selectors of objects as text: `app=web,tier in (a,b),!legacy`.
import type { LabelSelector, LabelSelectorRequirement } from '../../kube/types.gen.ts'

type Labels = Readonly<Record<string, string>>

/** `<none>` where there are no labels. */
export function labelsText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 ? '<none>' : pairs.sort(byBytes).join(',')
}

/** `<none>` for a selector that selects nothing or everything, `<error>` for one that is invalid. */
export function selectorText(selector: LabelSelector | undefined): string {
  return requirementsText(selector, '<error>') || '<none>'
}

/** As `selectorText`, but empty where that says `<none>`. */
export function requirementsText(selector: LabelSelector | undefined, whenInvalid: string): string {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {}
  const parts = Object.entries(matchLabels).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }))
  for (const expression of matchExpressions) {
    const text = expressionText(expression)
    if (text === undefined) return whenInvalid
    parts.push({ key: expression.key, text })
  }
  return parts
    .sort((a, b) => byBytes(a.key, b.key))
    .map(({ text }) => text)
    .join(',')
}

function expressionText({ key, operator, values = [] }: LabelSelectorRequirement) {
  const list = `(${values.toSorted(byBytes).join(',')})`
  switch (operator) {
    case 'In':
      return `${key} in ${list}`
    case 'NotIn':
      return `${key} notin ${list}`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    default:
      return undefined
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
