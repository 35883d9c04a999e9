// SPDX-License-Identifier: Apache-2.0
// The resources by which access is granted and asked about: authentication, authorization, RBAC,
// certificates.
import { defineResource, statusOf } from '../define-resource.ts'
import {
  clusterRoleBindingStrategy,
  clusterRoleStrategy,
  roleBindingStrategy,
  roleStrategy,
} from '../access/rbac-strategies.ts'
import { signingRequestStrategy } from '../access/signing-request-strategy.ts'
import type { ResourceDefinition, Strategy } from '../resource-definition.ts'
import { fieldsAt } from '../selectable-field.ts'

/** A question that is answered and not stored. */
function review(group: string, kind: string, isNamespaced = false): ResourceDefinition {
  const plural = `${kind.toLowerCase()}s`
  return defineResource({ group, kind, plural, isNamespaced, verbs: ['create'], isVirtual: true })
}

function rbac(kind: string, isNamespaced: boolean, strategy: Strategy): ResourceDefinition {
  return defineResource({
    group: 'rbac.authorization.k8s.io',
    kind,
    plural: `${kind.toLowerCase()}s`,
    isNamespaced,
    strategy,
  })
}

export const authenticationGroup: readonly ResourceDefinition[] = [
  review('authentication.k8s.io', 'SelfSubjectReview'),
  review('authentication.k8s.io', 'TokenReview'),
]

export const authorizationGroup: readonly ResourceDefinition[] = [
  review('authorization.k8s.io', 'LocalSubjectAccessReview', true),
  review('authorization.k8s.io', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'SelfSubjectRulesReview'),
  review('authorization.k8s.io', 'SubjectAccessReview'),
]

export const rbacGroup: readonly ResourceDefinition[] = [
  rbac('ClusterRoleBinding', false, clusterRoleBindingStrategy),
  rbac('ClusterRole', false, clusterRoleStrategy),
  rbac('RoleBinding', true, roleBindingStrategy),
  rbac('Role', true, roleStrategy),
]

export const certificatesGroup: readonly ResourceDefinition[] = [
  defineResource({
    group: 'certificates.k8s.io',
    kind: 'CertificateSigningRequest',
    plural: 'certificatesigningrequests',
    shortNames: ['csr'],
    isNamespaced: false,
    subresources: [
      {
        name: 'approval',
        kind: 'CertificateSigningRequest',
        verbs: ['get', 'patch', 'update'],
      },
      statusOf('CertificateSigningRequest'),
    ],
    selectableFields: fieldsAt('spec.signerName'),
    strategy: signingRequestStrategy,
  }),
]
