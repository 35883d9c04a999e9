// SPDX-License-Identifier: Apache-2.0
// Statuses as the API writes them: counters of zero are left out where the type says so.

/** The counters that are not zero. */
export function nonZero<K extends string>(
  counters: Readonly<Record<K, number>>,
): {
  readonly [P in K]?: number
} {
  const entries = Object.entries<number>(counters).filter(([, count]) => count !== 0)
  return Object.fromEntries(entries) as { readonly [P in K]?: number }
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
}

/** The conditions with `condition` in the place of the one of its type, or at the end. */
export function withCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  condition: C,
): readonly C[] {
  return [...withoutCondition(conditions, condition.type), condition]
}

export function withoutCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] {
  return (conditions ?? []).filter((one) => one.type !== type)
}

export function conditionOf<C extends Condition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((one) => one.type === type)
}
