// SPDX-License-Identifier: Apache-2.0
// The contract of a check of Pod Security, and the words that checks share. A check looks at a pod or the
// template of one; its sentences are those of k8s.io/pod-security-admission.
import type { Container, PodSpec } from '../../../kube/types.gen.ts'

/** A pod, or what a controller makes pods of. */
export interface PodLike {
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: PodSpec
}

/** What a check has against a pod. */
export interface Finding {
  /** In a few words, such as `host namespaces`. */
  readonly reason: string
  /** Who and what; may be empty. */
  readonly detail: string
}

export type CheckPod = (pod: PodLike) => Finding | undefined

/** A check as it is since a version of Kubernetes. */
export interface CheckVersion {
  /** Minor version 1.N from which on it holds. */
  readonly since: number
  readonly check: CheckPod
  /** Ids of checks of the baseline that this one takes the place of. */
  readonly overrides?: readonly string[]
}

export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** From old to new. */
  readonly versions: readonly CheckVersion[]
}

type Names = readonly string[]

/** Init, ordinary and ephemeral containers, in this order. */
export function containersOf({ spec }: PodLike): readonly Container[] {
  const { initContainers = [], containers, ephemeralContainers = [] } = spec
  return [...initContainers, ...containers, ...(ephemeralContainers as readonly Container[])]
}

/** Names of the containers for which `isBad` holds. */
export function containersWhere(pod: PodLike, isBad: (container: Container) => boolean): Names {
  return containersOf(pod)
    .filter((container) => isBad(container))
    .map(({ name }) => name)
}

/** `"a", "b"`. */
export function quoted(values: Names): string {
  return values.map((value) => `"${value}"`).join(', ')
}

/** Each once, sorted. */
export function sorted(values: Iterable<string>): Names {
  return [...new Set(values)].sort()
}

/** `container` for one, `containers` for others. */
export function plural(word: string, count: number): string {
  return count === 1 ? word : `${word}s`
}

/** `container "a"`, `volumes "a", "b"`. */
export function named(word: string, names: Names): string {
  return `${plural(word, names.length)} ${quoted(names)}`
}

/** `pod and container "a"`; empty when neither is bad. */
export function settersOf(isPodBad: boolean, containers: Names): string {
  const parts = [
    ...(isPodBad ? ['pod'] : []),
    ...(containers.length > 0 ? [named('container', containers)] : []),
  ]
  return parts.join(' and ')
}

/** Such pods may leave out what only Linux knows. */
export function unlessWindows(check: CheckPod): CheckPod {
  return (pod) => (pod.spec.os?.name === 'windows' ? undefined : check(pod))
}

/** The versions of a check that lets pods in a user namespace of their own be, who are nobody on the host. */
export function untilUserNamespaces(since: number, check: CheckPod): readonly CheckVersion[] {
  const relaxed: CheckPod = (pod) => (pod.spec.hostUsers === false ? undefined : check(pod))
  return [
    { since, check },
    { since: 35, check: relaxed },
  ]
}
