// SPDX-License-Identifier: Apache-2.0
// The four kinds of RBAC, as storage names them.

export const rbacGroup = 'rbac.authorization.k8s.io'

export const rbacStorage = {
  clusterRoles: 'clusterroles.rbac.authorization.k8s.io',
  clusterRoleBindings: 'clusterrolebindings.rbac.authorization.k8s.io',
  roles: 'roles.rbac.authorization.k8s.io',
  roleBindings: 'rolebindings.rbac.authorization.k8s.io',
} as const
