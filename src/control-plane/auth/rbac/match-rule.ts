// SPDX-License-Identifier: Apache-2.0
// Whether one rule of a role allows one request.
import type { PolicyRule } from '../../../kube/types.gen.ts'
import type { RequestAttributes } from '../authorizer.ts'

export function ruleAllows(rule: PolicyRule, attributes: RequestAttributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) return false
  if (!attributes.isResource) {
    return (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, attributes.path))
  }
  const { resourceNames = [] } = rule
  return (
    includesOrAll(rule.apiGroups, attributes.group) &&
    resourceMatches(rule.resources ?? [], attributes) &&
    (resourceNames.length === 0 || resourceNames.includes(attributes.name))
  )
}

/** Whether a path is the rule's, or begins as the rule's does before its final `*`. */
export function urlMatches(ruleUrl: string, path: string): boolean {
  if (ruleUrl === path) return true
  return ruleUrl.endsWith('*') && path.startsWith(ruleUrl.replace(/\*+$/, ''))
}

function includesOrAll(values: readonly string[] = [], wanted: string): boolean {
  return values.includes('*') || values.includes(wanted)
}

function resourceMatches(
  resources: readonly string[],
  { resource, subresource }: RequestAttributes,
): boolean {
  if (resources.includes('*')) return true
  if (subresource === '') return resources.includes(resource)
  return resources.includes(`${resource}/${subresource}`) || resources.includes(`*/${subresource}`)
}
