// SPDX-License-Identifier: Apache-2.0
// ClusterRoles that are made of others (admin, edit, view): their rules are those of all roles whose
// labels they select.
import type { ClusterRole, PolicyRule } from '../../../kube/types.gen.ts'
import { WorkQueue } from '../../../kube/work-queue.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { clusterRoles } from '../namespaces/cluster-kinds.ts'
import { matcherOf } from '../scheduler/label-matcher.ts'
import { isConflict, isNotFound } from '../workload/controller-queue.ts'

const backoff = { baseMs: 20, factor: 2, capMs: 60_000, jitter: 0.25 }

/** Starts the aggregation. */
export function startClusterRoleAggregationController({
  api,
  clock,
  log,
}: ControllerContext): AsyncDisposable {
  const reconcile = async (name: string): Promise<void | { readonly requeueAfterMs: number }> => {
    const role = api.get(clusterRoles, { name })
    if (!role?.aggregationRule) return
    const rules = aggregatedRules(role, api.list(clusterRoles))
    if (deepEqual(rules, role.rules ?? [])) return
    try {
      await api.update(clusterRoles, { ...role, rules })
    } catch (error) {
      if (isNotFound(error)) return
      if (isConflict(error)) return { requeueAfterMs: 2 }
      throw error
    }
  }
  const name = 'cluster-role-aggregation'
  const queue = new WorkQueue(reconcile, { name, concurrency: 1, clock, log, backoff })
  // There are few roles, and which depend on which is not worth keeping.
  const wakeAll = (): void => {
    for (const { metadata, aggregationRule } of api.list(clusterRoles)) {
      if (aggregationRule) queue.add(metadata.name)
    }
  }
  const subscription = api.onChange(clusterRoles, wakeAll)
  wakeAll()
  queue.start()
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]()
      await queue[Symbol.asyncDispose]()
    },
  }
}

/** The rules of the roles that `role` selects, by name, each once. */
export function aggregatedRules(
  role: ClusterRole,
  all: readonly ClusterRole[],
): readonly PolicyRule[] {
  const byName = [...all].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const rules: PolicyRule[] = []
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matcher = matcherOf(selector)
    for (const { metadata, rules: more = [] } of byName) {
      if (metadata.name === role.metadata.name || !matcher.matches(metadata.labels)) continue
      for (const rule of more) {
        if (!rules.some((known) => deepEqual(known, rule))) rules.push(rule)
      }
    }
  }
  return rules
}
