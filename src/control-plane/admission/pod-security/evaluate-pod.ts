// SPDX-License-Identifier: Apache-2.0
// All that a level of Pod Security has against a pod: the checks of that version, those of the baseline
// first, each group by id, as in the messages of a real API server.
import { capabilityChecks } from './capability-checks.ts'
import { hostChecks } from './host-checks.ts'
import { labelChecks } from './label-checks.ts'
import type { Check, CheckVersion, Finding, PodLike } from './pod-check.ts'
import { minorOf } from './policy.ts'
import type { LevelVersion } from './policy.ts'
import { privilegeChecks } from './privilege-checks.ts'
import { procMountChecks } from './proc-mount-checks.ts'
import { seccompChecks } from './seccomp-checks.ts'
import { sysctlChecks } from './sysctl-checks.ts'
import { userChecks } from './user-checks.ts'
import { volumeChecks } from './volume-checks.ts'

const checks: readonly Check[] = [
  ...capabilityChecks,
  ...hostChecks,
  ...labelChecks,
  ...privilegeChecks,
  ...procMountChecks,
  ...seccompChecks,
  ...sysctlChecks,
  ...userChecks,
  ...volumeChecks,
].sort((one, other) => (one.id < other.id ? -1 : 1))

/** What the pod violates; empty when it is allowed. */
export function evaluatePod({ level, version }: LevelVersion, pod: PodLike): readonly Finding[] {
  if (level === 'privileged') return []
  const minor = minorOf(version)
  const ofLevel = (wanted: Check['level']) =>
    checks.flatMap((check) => {
      const found = check.level === wanted ? versionAt(check, minor) : undefined
      return found ? [{ id: check.id, ...found }] : []
    })
  const restricted = level === 'restricted' ? ofLevel('restricted') : []
  const overridden = new Set(restricted.flatMap(({ overrides = [] }) => overrides))
  const baseline = ofLevel('baseline').filter(({ id }) => !overridden.has(id))
  return [...baseline, ...restricted].flatMap(({ check }) => check(pod) ?? [])
}

/** `host namespaces (hostPID=true), privileged (container "a" …)`. */
export function detailText(findings: readonly Finding[]): string {
  return findings
    .map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`))
    .join(', ')
}

/** The same without who and what. */
export function reasonText(findings: readonly Finding[]): string {
  return findings.map(({ reason }) => reason).join(', ')
}

function versionAt({ versions }: Check, minor: number): CheckVersion | undefined {
  return versions.findLast(({ since }) => since <= minor)
}
