// SPDX-License-Identifier: Apache-2.0
// Which labels a node may give itself. The rule is the API server's for an identity `system:node:`
// (NodeRestriction), and it is kept for every identity, so that a configuration that works as
// administrator also works with least rights.
import { UserError } from '../util/vk-error.ts'

const settable: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
])
const reserved = /^(.+\.)?(kubernetes|k8s)\.io$/
const ownedByNodes = /^(.+\.)?(kubelet|node)\.kubernetes\.io$/
const prefixSyntax = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const nameSyntax = /^[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/

/** May a node with its own identity set, change or remove this label? */
export function isSettableLabel(key: string): boolean {
  const slash = key.indexOf('/')
  if (slash < 0 || settable.has(key)) return true
  const prefix = key.slice(0, slash)
  return !reserved.test(prefix) || ownedByNodes.test(prefix)
}

/** Why a label cannot be set, or undefined when it can. */
export function labelObstacle(key: string, value: string): string | undefined {
  if (!isQualifiedName(key)) {
    return 'it is no label key: [prefix/]name, of at most 63 letters, digits, - _ and .'
  }
  if (value !== '' && (value.length > 63 || !nameSyntax.test(value))) {
    return 'its value must be at most 63 letters, digits, - _ and ., and begin and end with a letter or digit'
  }
  if (!isSettableLabel(key)) {
    return 'a node may not set this label of kubernetes.io or k8s.io on itself'
  }
  return undefined
}

/** Throws a UserError for the first label that a node may not have. */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    const obstacle = labelObstacle(key, value)
    if (obstacle === undefined) continue
    throw new UserError(`Cannot set node label "${key}=${value}": ${obstacle}`, {
      hint: 'Use a key without prefix, or under node.kubernetes.io/ or a domain of your own.',
    })
  }
}

/** `name` or `dns.prefix/name`, the form of the keys of labels, annotations and taints. */
export function isQualifiedName(key: string): boolean {
  const [name = '', prefix, ...rest] = key.split('/').reverse()
  if (rest.length > 0 || name.length > 63 || !nameSyntax.test(name)) return false
  return prefix === undefined || (prefix.length <= 253 && prefixSyntax.test(prefix))
}
