// SPDX-License-Identifier: Apache-2.0
// Pod Security: which capabilities a container may add, and that it drops the others.
import { containersOf, containersWhere, named, quoted, sorted, unlessWindows } from './pod-check.ts'
import type { Check, CheckPod, PodLike } from './pod-check.ts'

const ofAnyContainer: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

const baseline: CheckPod = (pod) => {
  const detail = forbiddenAdditions(pod, (name) => ofAnyContainer.has(name))
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail }
}

const restricted: CheckPod = (pod) => {
  const keeping = containersWhere(
    pod,
    ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'),
  )
  const adding = forbiddenAdditions(pod, (name) => name === 'NET_BIND_SERVICE')
  const details = [
    ...(keeping.length > 0
      ? [`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding === undefined ? [] : [adding]),
  ]
  if (details.length === 0) return undefined
  return { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

function forbiddenAdditions(
  pod: PodLike,
  isAllowed: (name: string) => boolean,
): string | undefined {
  const forbidden = ({ securityContext }: ReturnType<typeof containersOf>[number]) =>
    (securityContext?.capabilities?.add ?? []).filter((name) => !isAllowed(name))
  const bad = containersWhere(pod, (container) => forbidden(container).length > 0)
  if (bad.length === 0) return undefined
  const added = quoted(sorted(containersOf(pod).flatMap(forbidden)))
  return `${named('container', bad)} must not include ${added} in securityContext.capabilities.add`
}

const overrides = ['capabilities_baseline']

export const capabilityChecks: readonly Check[] = [
  { id: 'capabilities_baseline', level: 'baseline', versions: [{ since: 0, check: baseline }] },
  {
    id: 'capabilities_restricted',
    level: 'restricted',
    versions: [
      { since: 22, check: restricted, overrides },
      { since: 25, check: unlessWindows(restricted), overrides },
    ],
  },
]
