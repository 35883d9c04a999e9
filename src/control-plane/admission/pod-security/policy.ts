// SPDX-License-Identifier: Apache-2.0
// What a namespace asks of its pods: three levels of Pod Security, one that refuses, one that warns and one
// for audit logs, each of a version; read from the namespace's labels as k8s.io/pod-security-admission does.
import { invalidValue } from '../../objects/field-error.ts'
import type { FieldError } from '../../objects/field-error.ts'

/** From the freest to the strictest. */
export const levels = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof levels)[number]

/** A level as of a version of Kubernetes. */
export interface LevelVersion {
  readonly level: Level
  /** `latest`, or `v1.N`. */
  readonly version: string
}

export type Mode = 'enforce' | 'audit' | 'warn'
export type Policy = Readonly<Record<Mode, LevelVersion>>

/** A policy is always there; what of the labels cannot be read is among the errors. */
export interface ReadPolicy {
  readonly policy: Policy
  readonly errors: readonly FieldError[]
}

const prefix = 'pod-security.kubernetes.io/'
const modes: readonly Mode[] = ['enforce', 'audit', 'warn']
const free: LevelVersion = { level: 'privileged', version: 'latest' }
const versionPattern = /^v1\.(0|[1-9][0-9]*)$/

/** Without labels everything is allowed. */
export function policyOf(labels: Readonly<Record<string, string>> = {}): ReadPolicy {
  const errors: FieldError[] = []
  const read = (mode: Mode): LevelVersion => {
    const { [prefix + mode]: level, [`${prefix}${mode}-version`]: version } = labels
    const isLevel = level === undefined || isKnownLevel(level)
    if (!isLevel) errors.push(fault(mode, level, `must be one of ${levels.join(', ')}`))
    const isVersion = version === undefined || version === 'latest' || versionPattern.test(version)
    if (!isVersion) errors.push(fault(`${mode}-version`, version, 'must be "latest" or "v1.x"'))
    return {
      // What would refuse is read strictly, what only tells of it is not.
      level: isLevel ? (level ?? 'privileged') : mode === 'enforce' ? 'restricted' : 'privileged',
      version: isVersion ? (version ?? 'latest') : 'latest',
    }
  }
  const [enforce = free, audit = free, warn = free] = modes.map(read)
  return { policy: { enforce, audit, warn: warnLevel(labels, { enforce, warn }) }, errors }
}

/** Who names only what is refused is warned of the same. */
function warnLevel(
  labels: Readonly<Record<string, string>>,
  { enforce, warn }: Pick<Policy, 'enforce' | 'warn'>,
): LevelVersion {
  const given = labels[`${prefix}enforce`]
  const isEnforced = given !== undefined && isKnownLevel(given)
  if (labels[`${prefix}warn`] !== undefined || !isEnforced) return warn
  if (!isStricter(enforce, warn)) return warn
  const hasVersion = labels[`${prefix}warn-version`] !== undefined
  return { level: enforce.level, version: hasVersion ? warn.version : enforce.version }
}

/** `restricted:latest`. */
export function policyText({ level, version }: LevelVersion): string {
  return `${level}:${version}`
}

/** Does the first level ask for more than the second? */
export function isStricter(
  one: Pick<LevelVersion, 'level'>,
  other: Pick<LevelVersion, 'level'>,
): boolean {
  return levels.indexOf(one.level) > levels.indexOf(other.level)
}

/** The N of `v1.N`; that of `latest` is beyond all. */
export function minorOf(version: string): number {
  return version === 'latest' ? Infinity : Number(versionPattern.exec(version)?.[1])
}

function isKnownLevel(level: string): level is Level {
  return (levels as readonly string[]).includes(level)
}

function fault(label: string, value: string, why: string): FieldError {
  return invalidValue(`metadata.labels[${prefix}${label}]`, value, why)
}
