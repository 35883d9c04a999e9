// SPDX-License-Identifier: Apache-2.0
// Pod Security: that system calls are filtered; before 1.19 profiles were annotations.
import {
  containersOf,
  named,
  plural,
  quoted,
  settersOf,
  sorted,
  unlessWindows,
} from './pod-check.ts'
import type { Check, CheckPod, Finding, PodLike } from './pod-check.ts'

const reason = 'seccompProfile'
const podAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const containerAnnotation = 'container.seccomp.security.alpha.kubernetes.io/'

const annotations: CheckPod = (pod) => {
  const keys = [
    podAnnotation,
    ...containersOf(pod).map(({ name }) => `${containerAnnotation}${name}`),
  ]
  const forbidden = sorted(
    keys.flatMap((key) => {
      const value = pod.annotations[key]
      const isBad = value !== undefined && !isAllowedAnnotation(value)
      return isBad ? [`${key}=${JSON.stringify(value)}`] : []
    }),
  )
  if (forbidden.length === 0) return undefined
  const what = plural('annotation', forbidden.length)
  return { reason, detail: `forbidden ${what} ${forbidden.join(', ')}` }
}

const baseline: CheckPod = (pod) => badProfiles(pod)

const restricted: CheckPod = (pod) => {
  const bad = badProfiles(pod)
  if (bad !== undefined || pod.spec.securityContext?.seccompProfile !== undefined) return bad
  const silent = containersOf(pod).filter(
    ({ securityContext }) => securityContext?.seccompProfile === undefined,
  )
  if (silent.length === 0) return undefined
  const who = named(
    'container',
    silent.map(({ name }) => name),
  )
  const detail = `pod or ${who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`
  return { reason, detail }
}

/** Those that are named and filter nothing. */
function badProfiles(pod: PodLike): Finding | undefined {
  const badType = (
    context: { readonly seccompProfile?: { readonly type: string } } | undefined,
  ) => {
    const type = context?.seccompProfile?.type
    return type === undefined || type === 'Localhost' || type === 'RuntimeDefault'
      ? undefined
      : type
  }
  const ofPod = badType(pod.spec.securityContext)
  const bad = containersOf(pod).flatMap(({ name, securityContext }) => {
    const type = badType(securityContext)
    return type === undefined ? [] : [{ name, type }]
  })
  const names = bad.map(({ name }) => name)
  const setters = settersOf(ofPod !== undefined, names)
  if (setters === '') return undefined
  const types = [...(ofPod === undefined ? [] : [ofPod]), ...bad.map(({ type }) => type)]
  const what = `securityContext.seccompProfile.type to ${quoted(sorted(types))}`
  return { reason, detail: `${setters} must not set ${what}` }
}

function isAllowedAnnotation(value: string): boolean {
  return value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
}

const overrides = ['seccompProfile_baseline']

export const seccompChecks: readonly Check[] = [
  {
    id: 'seccompProfile_baseline',
    level: 'baseline',
    versions: [
      { since: 0, check: annotations },
      { since: 19, check: baseline },
    ],
  },
  {
    id: 'seccompProfile_restricted',
    level: 'restricted',
    versions: [
      { since: 19, check: restricted, overrides },
      { since: 25, check: unlessWindows(restricted), overrides },
    ],
  },
]
