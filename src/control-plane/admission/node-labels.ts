// SPDX-License-Identifier: Apache-2.0
// The labels that a node may give itself. Others of Kubernetes' own could lure pods that are meant for
// certain nodes only.

const allowedLabels: readonly string[] = [
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]
const allowedDomains: readonly string[] = ['kubelet.kubernetes.io', 'node.kubernetes.io']
const restrictedDomain = 'node-restriction.kubernetes.io'

type Labels = Readonly<Record<string, string>>

/** The labels that differ and that a node may not change, sorted. */
export function forbiddenLabelChanges(next: Labels = {}, old: Labels = {}): readonly string[] {
  const keys = new Set([...Object.keys(next), ...Object.keys(old)])
  return [...keys].filter((key) => next[key] !== old[key] && isForbidden(key)).sort()
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/')
  const domain = slash === -1 ? '' : key.slice(0, slash)
  if (isWithin(domain, restrictedDomain)) return true
  const isKubernetes = isWithin(domain, 'kubernetes.io') || isWithin(domain, 'k8s.io')
  if (!isKubernetes || allowedLabels.includes(key)) return false
  return !allowedDomains.some((allowed) => isWithin(domain, allowed))
}

function isWithin(domain: string, parent: string): boolean {
  return domain === parent || domain.endsWith(`.${parent}`)
}
