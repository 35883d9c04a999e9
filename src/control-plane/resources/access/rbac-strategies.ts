// SPDX-License-Identifier: Apache-2.0
// Roles and their bindings.
import type {
  ClusterRole,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../../kube/types.gen.ts'
import { invalidValue, notSupported, required, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { genericStrategy, type StrategyParts } from '../generic-strategy.ts'
import { pathSegmentFaults } from '../meta/name-rules.ts'
import { validateLabelSelector } from '../meta/validate-labels.ts'
import { validateDnsSubdomain } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, textOf } from '../read-json.ts'
import type { Strategy } from '../resource-definition.ts'
import { isSemanticallyEqual } from '../semantic-equality.ts'
import { mapField, mapItems, withDefaults, withField } from '../share-structure.ts'

const group = 'rbac.authorization.k8s.io'
const shared: StrategyParts = { nameRule: 'path-segment', allowsCreateOnUpdate: true }

export const roleStrategy: Strategy = genericStrategy({
  ...shared,
  applyDefaults: withRules,
  validate: (object) => validateRules(asKind<Role>(object).rules, true),
  validateUpdate: (next) => validateRules(asKind<Role>(next).rules, true),
})

export const clusterRoleStrategy: Strategy = genericStrategy({
  ...shared,
  applyDefaults: withRules,
  validate: (object) => validateClusterRole(asKind<ClusterRole>(object)),
  validateUpdate: (next) => validateClusterRole(asKind<ClusterRole>(next)),
})

export const roleBindingStrategy: Strategy = bindingStrategy(['Role', 'ClusterRole'], true)

export const clusterRoleBindingStrategy: Strategy = bindingStrategy(['ClusterRole'], false)

/** The list of rules is there even when it is empty. */
function withRules(object: KubeObject): KubeObject {
  return object['rules'] === undefined ? { ...object, rules: null } : object
}

function bindingStrategy(kinds: readonly string[], isNamespaced: boolean): Strategy {
  const judge = (object: KubeObject): Iterable<FieldError> =>
    validateBinding(asKind<RoleBinding>(object), { kinds, isNamespaced })
  return genericStrategy({
    ...shared,
    applyDefaults: (object) => {
      const subjects = mapItems(asKind<RoleBinding>(object).subjects, defaultSubject)
      const withSubjects = withField(object, 'subjects', subjects)
      return mapField(withSubjects, 'roleRef', (reference) =>
        withDefaults(reference as RoleRef, { apiGroup: group }),
      )
    },
    validate: judge,
    validateUpdate: function* (next, old) {
      yield* judge(next)
      if (isSemanticallyEqual(next['roleRef'], old['roleRef'])) return
      const reference = asKind<RoleBinding>(next).roleRef
      const { apiGroup, kind, name }: Partial<RoleRef> = isRecord(reference) ? reference : {}
      const shown = { APIGroup: textOf(apiGroup), Kind: textOf(kind), Name: textOf(name) }
      yield invalidValue('roleRef', shown, 'cannot change roleRef')
    },
  })
}

function defaultSubject(subject: Subject): Subject {
  const isPerson = subject.kind === 'User' || subject.kind === 'Group'
  return isPerson ? withDefaults(subject, { apiGroup: group }) : subject
}

function* validateRules(
  rules: readonly PolicyRule[] | undefined,
  isNamespaced: boolean,
): Iterable<FieldError> {
  for (const [index, rule] of listOf(rules).entries()) {
    const path = `rules[${index}]`
    if (listOf(rule.verbs).length === 0) {
      yield required(`${path}.verbs`, 'verbs must contain at least one value')
    }
    const urls = listOf(rule.nonResourceURLs)
    const [groups, resources] = [listOf(rule.apiGroups), listOf(rule.resources)]
    if (urls.length > 0) {
      const at = `${path}.nonResourceURLs`
      if (isNamespaced) {
        yield invalidValue(at, urls, 'namespaced rules cannot apply to non-resource URLs')
      }
      if (groups.length + resources.length + listOf(rule.resourceNames).length > 0) {
        const why = 'rules cannot apply to both regular resources and non-resource URLs'
        yield invalidValue(at, urls, why)
      }
      continue
    }
    if (groups.length === 0) {
      yield required(`${path}.apiGroups`, 'resource rules must supply at least one api group')
    }
    if (resources.length === 0) {
      yield required(`${path}.resources`, 'resource rules must supply at least one resource')
    }
  }
}

function* validateClusterRole(role: ClusterRole): Iterable<FieldError> {
  yield* validateRules(role.rules, false)
  if (isMissing(role.aggregationRule)) return
  const path = 'aggregationRule.clusterRoleSelectors'
  const selectors = listOf(role.aggregationRule.clusterRoleSelectors)
  if (selectors.length === 0) {
    const why = 'at least one clusterRoleSelector required if aggregationRule is non-nil'
    yield required(path, why)
  }
  for (const [index, selector] of selectors.entries()) {
    yield* validateLabelSelector(selector, `${path}[${index}]`)
  }
}

function* validateBinding(
  binding: RoleBinding,
  { kinds, isNamespaced }: { readonly kinds: readonly string[]; readonly isNamespaced: boolean },
): Iterable<FieldError> {
  const reference = isRecord(binding.roleRef) ? binding.roleRef : undefined
  const apiGroup = textOf(reference?.apiGroup)
  const kind = textOf(reference?.kind)
  const name = textOf(reference?.name)
  if (apiGroup !== group) yield notSupported('roleRef.apiGroup', apiGroup, [group])
  if (!kinds.includes(kind)) yield notSupported('roleRef.kind', kind, kinds)
  if (name === '') yield required('roleRef.name')
  else for (const fault of pathSegmentFaults(name)) yield invalidValue('roleRef.name', name, fault)
  for (const [index, subject] of listOf(binding.subjects).entries()) {
    yield* validateSubject(subject, `subjects[${index}]`, isNamespaced)
  }
}

function* validateSubject(
  subject: Subject,
  path: string,
  isNamespaced: boolean,
): Iterable<FieldError> {
  const name = textOf(subject.name)
  const apiGroup = textOf(subject.apiGroup)
  if (name === '') yield required(`${path}.name`)
  if (subject.kind === 'ServiceAccount') {
    if (name !== '') yield* validateDnsSubdomain(name, `${path}.name`)
    if (apiGroup !== '') yield notSupported(`${path}.apiGroup`, apiGroup, [''])
    if (!isNamespaced && textOf(subject.namespace) === '') yield required(`${path}.namespace`)
  } else if (subject.kind === 'User' || subject.kind === 'Group') {
    if (apiGroup !== group) yield notSupported(`${path}.apiGroup`, apiGroup, [group])
  } else {
    const known = ['ServiceAccount', 'User', 'Group']
    yield notSupported(`${path}.kind`, textOf(subject.kind), known)
  }
}
