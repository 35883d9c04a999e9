// SPDX-License-Identifier: Apache-2.0
// Brings the built-in roles and bindings into a store: what is missing is made, and what is there gets
// what it lacks, unless its annotation says to leave it alone. Nothing that somebody added is removed.
import { randomUUID } from 'node:crypto'
import type { PolicyRule, Subject } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import type { ObjectKey, Store } from '../../storage/store.ts'
import { updateAggregatedRoles } from '../rbac/aggregate-roles.ts'
import { rbacGroup, rbacStorage } from '../rbac/rbac-resources.ts'
import { uncoveredRules } from '../rbac/rule-coverage.ts'
import type { BindingOutline } from './bindings.ts'
import { clusterRoleBindings, roleBindings } from './bindings.ts'
import { clusterRoles } from './cluster-roles.ts'
import { controllerRoles } from './controller-roles.ts'
import { namespaceRoles } from './namespace-roles.ts'
import type { RoleOutline } from './parse-role-table.ts'
import { wireTime } from '../../../util/wire-time.ts'

const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate'
const apiVersion = `${rbacGroup}/v1`

/** Idempotent: writes only what differs. Call at every start, and before clients are served. */
export function reconcilePolicy(store: Store, { nowMs }: { readonly nowMs: number }): void {
  for (const outline of [...clusterRoles, ...controllerRoles]) {
    reconcileRole(store, clusterRole(outline), nowMs)
  }
  for (const [namespace, roles] of Object.entries(namespaceRoles)) {
    for (const outline of roles) reconcileRole(store, namespaceRole(outline, namespace), nowMs)
  }
  for (const outline of [...clusterRoleBindings, ...roleBindings]) {
    reconcileBinding(store, bindingOf(outline), nowMs)
  }
  updateAggregatedRoles(store)
}

type RoleObject = KubeObject & { readonly rules?: readonly PolicyRule[] | null }
type BindingObject = KubeObject & {
  readonly roleRef: object
  readonly subjects?: readonly Subject[]
}

function clusterRole({ aggregatesTo, collects, name, rules }: RoleOutline): RoleObject {
  const label = (role: string) => ({ [`${rbacGroup}/aggregate-to-${role}`]: 'true' })
  const metadata = defaultMetadata(name, aggregatesTo === undefined ? {} : label(aggregatesTo))
  const role = { apiVersion, kind: 'ClusterRole', metadata, rules }
  if (collects === undefined) return role
  return {
    ...role,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: label(collects) }] },
  }
}

function namespaceRole({ name, rules }: RoleOutline, namespace: string): RoleObject {
  return { apiVersion, kind: 'Role', metadata: { ...defaultMetadata(name), namespace }, rules }
}

function bindingOf({ name, namespace, role = name, subjects }: BindingOutline): BindingObject {
  const isNamespaced = namespace !== undefined
  return {
    apiVersion,
    kind: isNamespaced ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { ...defaultMetadata(name), ...(isNamespaced && { namespace }) },
    roleRef: { apiGroup: rbacGroup, kind: isNamespaced ? 'Role' : 'ClusterRole', name: role },
    ...(subjects.length > 0 && { subjects }),
  }
}

function defaultMetadata(name: string, labels: object = {}) {
  return {
    name,
    annotations: { [autoUpdate]: 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
  }
}

function reconcileRole(store: Store, expected: RoleObject, nowMs: number): void {
  const key = keyOf(expected)
  const current = store.get(key)?.object as RoleObject | undefined
  if (!current) return create(store, expected, nowMs)
  if (isProtected(current)) return
  const rules = current.rules ?? []
  const missing = uncoveredRules(rules, expected.rules ?? [])
  update(store, current, {
    ...current,
    metadata: mergedMetadata(current, expected),
    ...(missing.length > 0 && { rules: [...rules, ...missing] }),
    ...(expected['aggregationRule'] !== undefined &&
      current['aggregationRule'] === undefined && { aggregationRule: expected['aggregationRule'] }),
  })
}

/** What a binding refers to cannot be changed: one that refers to something else is made anew. */
function reconcileBinding(store: Store, expected: BindingObject, nowMs: number): void {
  const key = keyOf(expected)
  const current = store.get(key)?.object as BindingObject | undefined
  if (!current) return create(store, expected, nowMs)
  if (isProtected(current)) return
  if (!deepEqual(current.roleRef, expected.roleRef)) {
    store.remove(key)
    return create(store, expected, nowMs)
  }
  const subjects = current.subjects ?? []
  const missing = (expected.subjects ?? []).filter(
    (subject) => !subjects.some((known) => deepEqual(known, subject)),
  )
  update(store, current, {
    ...current,
    metadata: mergedMetadata(current, expected),
    ...(missing.length > 0 && { subjects: [...subjects, ...missing] }),
  })
}

function create(store: Store, object: KubeObject, nowMs: number): void {
  const creationTimestamp = wireTime(nowMs)
  const metadata = { ...object.metadata, uid: randomUUID(), creationTimestamp }
  store.put(keyOf(object), { ...object, metadata })
}

function update(store: Store, current: KubeObject, next: KubeObject): void {
  if (!deepEqual(current, next)) store.put(keyOf(next), next)
}

function isProtected({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[autoUpdate] === 'false'
}

function mergedMetadata(current: KubeObject, expected: KubeObject): KubeObject['metadata'] {
  return {
    ...current.metadata,
    annotations: { ...expected.metadata.annotations, ...current.metadata.annotations },
    labels: { ...expected.metadata.labels, ...current.metadata.labels },
  }
}

function keyOf({ kind, metadata }: KubeObject): ObjectKey {
  const { name = '', namespace = '' } = metadata
  const resources: Readonly<Record<string, string>> = {
    ClusterRole: rbacStorage.clusterRoles,
    ClusterRoleBinding: rbacStorage.clusterRoleBindings,
    Role: rbacStorage.roles,
    RoleBinding: rbacStorage.roleBindings,
  }
  return { resource: resources[kind] ?? '', namespace, name }
}
