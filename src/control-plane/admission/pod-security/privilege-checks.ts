// SPDX-License-Identifier: Apache-2.0
// Pod Security: containers with all rights of the host, and those that may come by more rights.
import { containersWhere, named, unlessWindows } from './pod-check.ts'
import type { Check, CheckPod } from './pod-check.ts'

const privileged: CheckPod = (pod) => {
  const bad = containersWhere(pod, ({ securityContext }) => securityContext?.privileged === true)
  if (bad.length === 0) return undefined
  const detail = `${named('container', bad)} must not set securityContext.privileged=true`
  return { reason: 'privileged', detail }
}

const escalation: CheckPod = (pod) => {
  const bad = containersWhere(
    pod,
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  )
  if (bad.length === 0) return undefined
  const detail = `${named('container', bad)} must set securityContext.allowPrivilegeEscalation=false`
  return { reason: 'allowPrivilegeEscalation != false', detail }
}

export const privilegeChecks: readonly Check[] = [
  { id: 'privileged', level: 'baseline', versions: [{ since: 0, check: privileged }] },
  {
    id: 'allowPrivilegeEscalation',
    level: 'restricted',
    versions: [
      { since: 8, check: escalation },
      { since: 25, check: unlessWindows(escalation) },
    ],
  },
]
