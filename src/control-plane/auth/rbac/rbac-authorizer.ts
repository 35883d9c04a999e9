// SPDX-License-Identifier: Apache-2.0
// Role-based access control. Decisions are remembered, by user and request, as long as no role or
// binding changes, so that a busy client's requests cost one look-up.
import type { PolicyRule, RoleRef } from '../../../kube/types.gen.ts'
import type { Store } from '../../storage/store.ts'
import type { Authorizer, Decision, RequestAttributes } from '../authorizer.ts'
import type { User } from '../user.ts'
import { ruleAllows } from './match-rule.ts'
import { RbacIndex } from './rbac-index.ts'

const cacheSize = 10_000
/** What takes longer to name is decided anew: a name may be a megabyte, and anybody can ask. */
const maxKeyLength = 1024

/** Rules that apply to a user, and what went wrong in finding them. */
export interface ApplicableRules {
  readonly rules: readonly PolicyRule[]
  readonly errors: readonly string[]
}

export class RbacAuthorizer implements Authorizer {
  readonly #store: Store
  readonly #decisions = new Map<string, Decision>()
  #index: RbacIndex

  constructor(store: Store) {
    this.#store = store
    this.#index = new RbacIndex(store)
  }

  authorize(user: User, attributes: RequestAttributes): Decision {
    const index = this.#current()
    const key = keyOf(user, attributes)
    const known = this.#decisions.get(key)
    if (known) return known
    const decision = decide(index, user, attributes)
    if (key.length > maxKeyLength) return decision
    if (this.#decisions.size >= cacheSize) this.#decisions.clear()
    this.#decisions.set(key, decision)
    return decision
  }

  /** All rules that apply to the user in a namespace, or those that apply everywhere ('' ). */
  rulesFor(user: User, namespace: string): ApplicableRules {
    const grants = this.#current().grantsOf(user, namespace)
    return {
      rules: grants.flatMap(({ rules }) => rules),
      errors: grants.flatMap(({ error }) => (error === undefined ? [] : [error])),
    }
  }

  /** Rules of a role as a binding in the namespace refers to it; undefined when there is no such role. */
  rulesOfRole(reference: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#current().rulesOf(reference, namespace)
  }

  #current(): RbacIndex {
    if (!this.#index.isCurrent(this.#store)) {
      this.#index = new RbacIndex(this.#store)
      this.#decisions.clear()
    }
    return this.#index
  }
}

function decide(index: RbacIndex, user: User, attributes: RequestAttributes): Decision {
  const errors = new Set<string>()
  for (const { error, rules, source } of index.grantsOf(user, attributes.namespace)) {
    if (error !== undefined) errors.add(error)
    if (rules.some((rule) => ruleAllows(rule, attributes))) {
      return { allowed: true, reason: `RBAC: allowed by ${source}` }
    }
  }
  if (errors.size === 0) return { allowed: false, reason: '' }
  const list = [...errors].join(', ')
  return { allowed: false, reason: `RBAC: ${errors.size === 1 ? list : `[${list}]`}` }
}

function keyOf({ groups, name }: User, attributes: RequestAttributes): string {
  const { group, isResource, namespace, path, resource, subresource, verb } = attributes
  const what = isResource
    ? [verb, group, resource, subresource, namespace, attributes.name]
    : [verb, path]
  return JSON.stringify([name, groups, what])
}
