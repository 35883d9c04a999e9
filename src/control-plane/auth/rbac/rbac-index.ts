// SPDX-License-Identifier: Apache-2.0
// What RBAC grants, by subject: made anew when a role or binding has changed, which storage shows by
// handing out another list. So an answer is never older than the last write, and a check need not look
// at bindings of other people.
import type {
  ClusterRole,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../../kube/types.gen.ts'
import type { Store, Stored } from '../../storage/store.ts'
import { serviceAccountUserName } from '../service-account-user.ts'
import type { User } from '../user.ts'
import { rbacGroup, rbacStorage } from './rbac-resources.ts'

/** One role that a subject is bound to. */
export interface Grant {
  /** '' for everywhere. */
  readonly namespace: string
  readonly rules: readonly PolicyRule[]
  /** Names binding, role and subject, for the reason of a decision. */
  readonly source: string
  /** Set when the role does not exist: then there are no rules. */
  readonly error?: string
}

type Binding = Pick<RoleBinding, 'roleRef' | 'subjects' | 'metadata'>

/** The grants of a state of the store. */
export class RbacIndex {
  readonly #lists: readonly (readonly Stored[])[]
  readonly #grants = new Map<string, Grant[]>()
  readonly #rules = new Map<string, readonly PolicyRule[]>()

  constructor(store: Store) {
    const [clusterRoles = [], roles = [], clusterBindings = [], bindings = []] = listsOf(store)
    this.#lists = [clusterRoles, roles, clusterBindings, bindings]
    for (const { object } of clusterRoles) {
      const { metadata, rules } = object as unknown as ClusterRole
      this.#rules.set(roleKey('ClusterRole', '', metadata.name), rules ?? [])
    }
    for (const { object } of roles) {
      const { metadata, rules } = object as unknown as Role
      this.#rules.set(roleKey('Role', metadata.namespace ?? '', metadata.name), rules ?? [])
    }
    for (const { object } of clusterBindings) this.#add(object as unknown as Binding, '')
    for (const { object } of bindings) {
      this.#add(object as unknown as Binding, object.metadata.namespace ?? '')
    }
  }

  /** Whether the store still holds what this was made of. */
  isCurrent(store: Store): boolean {
    return listsOf(store).every((list, index) => isSame(list, this.#lists[index] ?? []))
  }

  /** What the user was granted everywhere and then in the namespace, by his name and each group. */
  grantsOf({ groups, name }: User, namespace: string): readonly Grant[] {
    const keys = [`User ${name}`, ...groups.map((group) => `Group ${group}`)]
    const all = keys.flatMap((key) => this.#grants.get(key) ?? [])
    const everywhere = all.filter((grant) => grant.namespace === '')
    if (namespace === '') return everywhere
    return [...everywhere, ...all.filter((grant) => grant.namespace === namespace)]
  }

  /** Rules of the role that a binding in the namespace ('' for ClusterRoleBindings) refers to. */
  rulesOf(reference: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    const { kind, name } = reference
    return this.#rules.get(roleKey(kind, kind === 'Role' ? namespace : '', name))
  }

  #add({ metadata, roleRef, subjects = [] }: Binding, namespace: string): void {
    const rules = this.rulesOf(roleRef, namespace)
    const error = `${roleRef.kind.toLowerCase()}.${rbacGroup} ${JSON.stringify(roleRef.name)} not found`
    for (const subject of subjects) {
      const key = subjectKey(subject, namespace)
      if (key === undefined) continue
      const source = sourceOf({ name: metadata.name ?? '', namespace, roleRef, subject })
      const grant = rules ? { namespace, rules, source } : { namespace, rules: [], source, error }
      const known = this.#grants.get(key)
      if (known) known.push(grant)
      else this.#grants.set(key, [grant])
    }
  }
}

function listsOf(store: Store): readonly (readonly Stored[])[] {
  const { clusterRoleBindings, clusterRoles, roleBindings, roles } = rbacStorage
  return [clusterRoles, roles, clusterRoleBindings, roleBindings].map(
    (resource) => store.list(resource).items,
  )
}

function isSame(one: readonly Stored[], other: readonly Stored[]): boolean {
  return one === other || (one.length === 0 && other.length === 0)
}

function roleKey(kind: string, namespace: string, name = ''): string {
  return `${kind} ${namespace}/${name}`
}

/** Service accounts count as users: their names are reserved for them. */
function subjectKey(
  { kind, name, namespace }: Subject,
  bindingNamespace: string,
): string | undefined {
  if (kind !== 'ServiceAccount') return `${kind} ${name}`
  const own = namespace === undefined || namespace === '' ? bindingNamespace : namespace
  return own === '' ? undefined : `User ${serviceAccountUserName({ namespace: own, name })}`
}

function sourceOf(binding: {
  readonly name: string
  readonly namespace: string
  readonly roleRef: RoleRef
  readonly subject: Subject
}): string {
  const { name, namespace, roleRef, subject } = binding
  const what =
    namespace === ''
      ? `ClusterRoleBinding ${JSON.stringify(name)}`
      : `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`
  const who =
    subject.kind === 'ServiceAccount'
      ? `${subject.name}/${subject.namespace === undefined || subject.namespace === '' ? namespace : subject.namespace}`
      : subject.name
  return `${what} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`
}
