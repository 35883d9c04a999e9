// SPDX-License-Identifier: Apache-2.0
// Labels of nodes that have newer names.

const newer = (since: string, name: string): string =>
  `deprecated since ${since}; use "${name}" instead`

const deprecated: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': newer('v1.14', 'kubernetes.io/arch'),
  'beta.kubernetes.io/os': newer('v1.14', 'kubernetes.io/os'),
  'failure-domain.beta.kubernetes.io/region': newer('v1.17', 'topology.kubernetes.io/region'),
  'failure-domain.beta.kubernetes.io/zone': newer('v1.17', 'topology.kubernetes.io/zone'),
  'beta.kubernetes.io/instance-type': newer('v1.17', 'node.kubernetes.io/instance-type'),
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods':
    'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
}

/** What is said of selecting nodes by this label, if anything. */
export function deprecatedNodeLabel(key: string): string | undefined {
  return Object.hasOwn(deprecated, key) ? deprecated[key] : undefined
}
