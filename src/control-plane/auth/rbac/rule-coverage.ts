// SPDX-License-Identifier: Apache-2.0
// Whether somebody who has some rules has all that others grant: nobody may give away more than that.
// Rules are broken into their smallest parts, each of which one rule covers or none does.
import type { PolicyRule } from '../../../kube/types.gen.ts'
import { urlMatches } from './match-rule.ts'

/** The parts of `wanted` that `owned` does not cover; empty when it covers all. */
export function uncoveredRules(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.flatMap(partsOf).filter((part) => !owned.some((rule) => covers(rule, part)))
}

/** The rules as messages show them: one line for each resource, sorted. */
export function describeRules(rules: readonly PolicyRule[]): readonly string[] {
  const byResource = new Map<string, PolicyRule>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    if (rule.nonResourceURLs) {
      others.push(rule)
      continue
    }
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames])
    const known = byResource.get(key)
    byResource.set(key, known ? { ...known, verbs: [...known.verbs, ...rule.verbs] } : rule)
  }
  return [...new Set([...others, ...byResource.values()].map(describe))].sort()
}

function partsOf(rule: PolicyRule): readonly PolicyRule[] {
  const { apiGroups = [], nonResourceURLs = [], resources = [], verbs } = rule
  const names = rule.resourceNames ?? []
  const nameSets = names.length > 0 ? names.map((name) => ({ resourceNames: [name] })) : [{}]
  return [
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          nameSets.map((name) => ({
            apiGroups: [group],
            resources: [resource],
            verbs: [verb],
            ...name,
          })),
        ),
      ),
    ),
    ...nonResourceURLs.flatMap((url) =>
      verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })),
    ),
  ]
}

/** `part` has one value of everything it has. */
function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const { resourceNames = [] } = rule
  const [name] = part.resourceNames ?? []
  return (
    includesAll(rule.verbs, part.verbs) &&
    includesAll(rule.apiGroups, part.apiGroups) &&
    (part.resources ?? []).every((resource) => coversResource(rule.resources ?? [], resource)) &&
    (resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name))) &&
    (part.nonResourceURLs ?? []).every((url) =>
      (rule.nonResourceURLs ?? []).some((owned) => urlMatches(owned, url)),
    )
  )
}

function includesAll(owned: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return owned.includes('*') || wanted.every((value) => owned.includes(value))
}

function coversResource(owned: readonly string[], wanted: string): boolean {
  if (owned.includes('*') || owned.includes(wanted)) return true
  const slash = wanted.indexOf('/')
  return slash !== -1 && owned.includes(`*${wanted.slice(slash)}`)
}

function describe(rule: PolicyRule): string {
  const fields = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const
  const parts = fields.flatMap(([name, values = []]) =>
    values.length === 0
      ? []
      : [`${name}:[${values.map((value) => JSON.stringify(value)).join(' ')}]`],
  )
  return `{${parts.join(', ')}}`
}
