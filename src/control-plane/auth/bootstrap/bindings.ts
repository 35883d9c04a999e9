// SPDX-License-Identifier: Apache-2.0
// Who has the roles that every cluster has, as an API server itself makes it; what installers add (new
// nodes may ask for certificates, and get them) is with the other objects of a new cluster.
import type { Subject } from '../../../kube/types.gen.ts'
import { rbacGroup } from '../rbac/rbac-resources.ts'
import { controllerRoles } from './controller-roles.ts'

/** One binding. */
export interface BindingOutline {
  readonly name: string
  /** Undefined for ClusterRoleBindings. */
  readonly namespace?: string
  /** The name of the role; default: the binding's own. */
  readonly role?: string
  readonly subjects: readonly Subject[]
}

const systemNamespace = 'kube-system'

export const clusterRoleBindings: readonly BindingOutline[] = [
  { name: 'cluster-admin', subjects: [group('system:masters')] },
  { name: 'system:basic-user', subjects: [group('system:authenticated')] },
  { name: 'system:discovery', subjects: [group('system:authenticated')] },
  { name: 'system:kube-controller-manager', subjects: [user('system:kube-controller-manager')] },
  { name: 'system:kube-dns', subjects: [account('kube-dns')] },
  { name: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  { name: 'system:monitoring', subjects: [group('system:monitoring')] },
  { name: 'system:node', subjects: [] },
  { name: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  {
    name: 'system:public-info-viewer',
    subjects: [group('system:authenticated'), group('system:unauthenticated')],
  },
  { name: 'system:service-account-issuer-discovery', subjects: [group('system:serviceaccounts')] },
  { name: 'system:volume-scheduler', subjects: [user('system:kube-scheduler')] },
  ...controllerRoles.map(({ name }) => ({
    name,
    subjects: [account(name.slice('system:controller:'.length))],
  })),
]

export const roleBindings: readonly BindingOutline[] = [
  inNamespace('kube-public', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]),
  {
    name: 'system::extension-apiserver-authentication-reader',
    namespace: systemNamespace,
    role: 'extension-apiserver-authentication-reader',
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  inNamespace(systemNamespace, 'system::leader-locking-kube-controller-manager', [
    user('system:kube-controller-manager'),
    account('kube-controller-manager'),
    account('leader-election-controller'),
  ]),
  inNamespace(systemNamespace, 'system::leader-locking-kube-scheduler', [
    user('system:kube-scheduler'),
    account('kube-scheduler'),
  ]),
  inNamespace(systemNamespace, 'system:controller:bootstrap-signer', [account('bootstrap-signer')]),
  inNamespace(systemNamespace, 'system:controller:cloud-provider', [account('cloud-provider')]),
  inNamespace(systemNamespace, 'system:controller:token-cleaner', [account('token-cleaner')]),
]

function inNamespace(
  namespace: string,
  name: string,
  subjects: readonly Subject[],
): BindingOutline {
  return { name, namespace, subjects }
}

function user(name: string): Subject {
  return { apiGroup: rbacGroup, kind: 'User', name }
}

function group(name: string): Subject {
  return { apiGroup: rbacGroup, kind: 'Group', name }
}

function account(name: string): Subject {
  return { kind: 'ServiceAccount', name, namespace: systemNamespace }
}
