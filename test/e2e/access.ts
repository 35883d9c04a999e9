// SPDX-License-Identifier: Apache-2.0
//
// Objects of access control: service accounts, what they may do, and when the API server knows of it.
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'

/** What is allowed: every verb on every resource that is named. */
export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/** One question to the authorizer. */
export interface Attributes {
  readonly verb: string
  readonly resource: string
  readonly group?: string
  readonly subresource?: string
  readonly namespace?: string
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

/** Name and groups of a service account of the namespace `default`. */
export function accountUser(name: string): {
  readonly user: string
  readonly groups: readonly string[]
} {
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:default']
  return {
    user: `system:serviceaccount:default:${name}`,
    groups: [...groups, 'system:authenticated'],
  }
}

/** Waits until the authorizer says yes: kube-apiserver learns of roles and bindings by a watch of its own. */
export async function untilAllowed(
  cluster: Cluster,
  who: { readonly user: string; readonly groups: readonly string[] },
  attributes: Attributes,
): Promise<void> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { ...who, resourceAttributes: attributes },
  }
  await eventually(
    async () => {
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
      const { status } = await cluster.api<AccessReview>('POST', path, { body })
      return status.allowed
    },
    { what: `${who.user} to be allowed ${JSON.stringify(attributes)}` },
  )
}

interface AccessReview {
  readonly status: { readonly allowed: boolean }
}
