// SPDX-License-Identifier: Apache-2.0
// Reads roles from a table. A line that is not indented names a role; those indented by two are its
// rules, `verbs | groups | resources | names` or `verbs | paths`, and deeper ones continue the line
// before. `core` is the core group; `read`, `write` and `readwrite` stand for the verbs that they mean.
import type { PolicyRule } from '../../../kube/types.gen.ts'

/** One role of a table. */
export interface RoleOutline {
  readonly name: string
  /** Collects the rules of roles that name the same in `aggregatesTo`. */
  readonly collects?: string
  readonly aggregatesTo?: string
  readonly rules: readonly PolicyRule[]
}

const read = ['get', 'list', 'watch']
const write = ['create', 'delete', 'deletecollection', 'patch', 'update']
const shorthands: Readonly<Record<string, readonly string[]>> = {
  read,
  write,
  readwrite: [...read, ...write].sort(),
}

export function parseRoleTable(text: string): readonly RoleOutline[] {
  const lines = text
    .replaceAll(/\n {4,}/g, ' ')
    .split('\n')
    .filter(Boolean)
  const roles: { heading: string; rules: PolicyRule[] }[] = []
  for (const line of lines) {
    if (line.startsWith('  ')) roles.at(-1)?.rules.push(parseRule(line))
    else roles.push({ heading: line, rules: [] })
  }
  return roles.map(({ heading, rules }) => ({ ...parseHeading(heading), rules }))
}

function parseHeading(heading: string): Omit<RoleOutline, 'rules'> {
  const [name = '', ...options] = heading.split(' ')
  const option = (key: string) =>
    options.find((one) => one.startsWith(`${key}:`))?.slice(key.length + 1)
  const collects = option('collects')
  const aggregatesTo = option('to')
  return {
    name,
    ...(collects !== undefined && { collects }),
    ...(aggregatesTo !== undefined && { aggregatesTo }),
  }
}

function parseRule(line: string): PolicyRule {
  const [verbs = [], second = [], resources, resourceNames] = line
    .split('|')
    .map((part) => part.trim().split(/\s+/))
  const [first = ''] = verbs
  const expanded = shorthands[first] ?? verbs
  if (!resources) return { nonResourceURLs: second, verbs: expanded }
  const apiGroups = second.map((group) => (group === 'core' ? '' : group))
  return { apiGroups, ...(resourceNames && { resourceNames }), resources, verbs: expanded }
}
