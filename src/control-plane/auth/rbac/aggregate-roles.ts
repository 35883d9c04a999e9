// SPDX-License-Identifier: Apache-2.0
// ClusterRoles that are made of others: `admin`, `edit` and `view` collect the rules of every
// ClusterRole with a certain label, so that whoever adds a kind can say who may use it.
import type { ClusterRole, PolicyRule } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import { matchesSelector } from '../../resources/workloads/matches-selector.ts'
import type { Store } from '../../storage/store.ts'
import { storedObjects } from '../stored-object.ts'
import { rbacStorage } from './rbac-resources.ts'

export function isAggregated({ aggregationRule }: ClusterRole): boolean {
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0
}

/** The rules of the roles that an aggregated role selects, by name, each rule once. */
export function aggregatedRules(
  role: ClusterRole,
  all: readonly ClusterRole[],
): readonly PolicyRule[] {
  const rules: PolicyRule[] = []
  const selected = new Set<ClusterRole>()
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    for (const other of all) {
      const isOther = other.metadata.name !== role.metadata.name
      if (!isOther || selected.has(other)) continue
      if (!matchesSelector(selector, other.metadata.labels ?? {})) continue
      selected.add(other)
      for (const rule of other.rules ?? []) {
        if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule)
      }
    }
  }
  return rules
}

/**
 * Writes the rules of aggregated roles that are out of date, until none is: a role may be made of one
 * that is itself made of others. Each write is an ordinary change of the role.
 */
export function updateAggregatedRoles(store: Store): void {
  // `admin` is made of `edit`, which is made of `view`: a chain is as long as there are roles at most.
  for (let round = store.count(rbacStorage.clusterRoles); round > 0; round -= 1) {
    const all = storedObjects<ClusterRole>(store, rbacStorage.clusterRoles)
    let isChanged = false
    for (const role of all) {
      if (!isAggregated(role)) continue
      const rules = aggregatedRules(role, all)
      if (deepEqual(rules, role.rules ?? [])) continue
      const { name } = role.metadata
      const key = { resource: rbacStorage.clusterRoles, namespace: '', name }
      const stored = store.get(key)
      if (!stored) continue
      store.put(key, { ...stored.object, rules })
      isChanged = true
    }
    if (!isChanged) return
  }
}

/** Keeps aggregated roles up to date until disposed of; what storage refused, once it takes writes again. */
export function startRoleAggregation(store: Store): Disposable {
  let isBehind = false
  const update = (): void => {
    isBehind = false
    updateAggregatedRoles(store)
    store.durable().catch(() => (isBehind = true))
  }
  update()
  return store.onChange('*', ({ key }) => {
    if (isBehind || key.resource === rbacStorage.clusterRoles) update()
  })
}
