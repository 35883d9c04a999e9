// SPDX-License-Identifier: Apache-2.0
//
// Objects of access control: service accounts, and what they may do.
import type { Manifest } from './object-path.ts'

/** What is allowed: every verb on every resource that is named. */
export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

const GROUP = 'rbac.authorization.k8s.io'
const apiVersion = `${GROUP}/v1`

/** A service account of the namespace `default`. */
export function serviceAccount(name: string): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } }
}

/** A role with these rules and its binding, both of the account's name. */
export function grant(
  account: string,
  kind: 'Role' | 'ClusterRole',
  rules: readonly Rule[],
): readonly [Manifest, Manifest] {
  const metadata = { name: account }
  const subjects = [{ kind: 'ServiceAccount', name: account, namespace: 'default' }]
  const roleRef = { apiGroup: GROUP, kind, name: account }
  return [
    { apiVersion, kind, metadata, rules },
    { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects },
  ]
}
