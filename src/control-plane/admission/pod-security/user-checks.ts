// SPDX-License-Identifier: Apache-2.0
// Pod Security: nothing of a pod runs as root.
import { containersWhere, named, settersOf, untilUserNamespaces } from './pod-check.ts'
import type { Check, CheckPod } from './pod-check.ts'

const nonRoot: CheckPod = (pod) => {
  const reason = 'runAsNonRoot != true'
  const ofPod = pod.spec.securityContext?.runAsNonRoot
  const bad = containersWhere(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false)
  const setters = settersOf(ofPod === false, bad)
  if (setters !== '') {
    return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` }
  }
  if (ofPod === true) return undefined
  const silent = containersWhere(
    pod,
    ({ securityContext }) => securityContext?.runAsNonRoot === undefined,
  )
  if (silent.length === 0) return undefined
  const detail = `pod or ${named('container', silent)} must set securityContext.runAsNonRoot=true`
  return { reason, detail }
}

const notUserZero: CheckPod = (pod) => {
  const bad = containersWhere(pod, ({ securityContext }) => securityContext?.runAsUser === 0)
  const setters = settersOf(pod.spec.securityContext?.runAsUser === 0, bad)
  if (setters === '') return undefined
  return { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` }
}

export const userChecks: readonly Check[] = [
  { id: 'runAsNonRoot', level: 'restricted', versions: untilUserNamespaces(0, nonRoot) },
  { id: 'runAsUser', level: 'restricted', versions: untilUserNamespaces(23, notUserZero) },
]
