// SPDX-License-Identifier: Apache-2.0
// Pod Security: that /proc of a container hides what it usually hides.
import { containersOf, named, quoted, sorted, untilUserNamespaces } from './pod-check.ts'
import type { Check, CheckPod } from './pod-check.ts'

const masked: CheckPod = (pod) => {
  const bad = containersOf(pod).flatMap(({ name, securityContext }) => {
    const type = securityContext?.procMount
    return type === undefined || type === 'Default' ? [] : [{ name, type }]
  })
  if (bad.length === 0) return undefined
  const who = named(
    'container',
    bad.map(({ name }) => name),
  )
  const types = quoted(sorted(bad.map(({ type }) => type)))
  return {
    reason: 'procMount',
    detail: `${who} must not set securityContext.procMount to ${types}`,
  }
}

export const procMountChecks: readonly Check[] = [
  { id: 'procMount', level: 'baseline', versions: untilUserNamespaces(0, masked) },
  {
    id: 'procMount_restricted',
    level: 'restricted',
    versions: [{ since: 35, check: masked, overrides: ['procMount'] }],
  },
]
