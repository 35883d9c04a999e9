// SPDX-License-Identifier: Apache-2.0
// The Roles that every cluster has in its own namespaces. Tables, as parse-role-table.ts reads them.
import type { RoleOutline } from './parse-role-table.ts'
import { parseRoleTable } from './parse-role-table.ts'

/** By namespace. */
export const namespaceRoles: Readonly<Record<string, readonly RoleOutline[]>> = {
  'kube-public': parseRoleTable(`
system:controller:bootstrap-signer
  read | core | configmaps
  update | core | configmaps | cluster-info
  create patch update | core events.k8s.io | events
`),
  'kube-system': parseRoleTable(`
extension-apiserver-authentication-reader
  read | core | configmaps | extension-apiserver-authentication
system::leader-locking-kube-controller-manager
  create get list update watch | coordination.k8s.io | leases
  create get list update watch | coordination.k8s.io | leasecandidates
system::leader-locking-kube-scheduler
  create get list update watch | coordination.k8s.io | leases
  create get list update watch | coordination.k8s.io | leasecandidates
system:controller:bootstrap-signer
  read | core | secrets
system:controller:cloud-provider
  create get list watch | core | configmaps
system:controller:token-cleaner
  delete get list watch | core | secrets
  create patch update | core events.k8s.io | events
`),
}
