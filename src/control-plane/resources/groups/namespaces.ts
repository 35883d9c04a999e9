// SPDX-License-Identifier: Apache-2.0
// Namespaces, with the address by which their finalizers are changed.
import type { Namespace } from '../../../kube/types.gen.ts'
import { invalidValue, type FieldError } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { asKind } from '../as-kind.ts'
import { defineResource, statusOf } from '../define-resource.ts'
import { genericStrategy } from '../generic-strategy.ts'
import { qualifiedNameFaults } from '../meta/name-rules.ts'
import { listOf, textOf } from '../read-json.ts'
import type { ResourceDefinition } from '../resource-definition.ts'
import { fieldsAt } from '../selectable-field.ts'
import { withField } from '../share-structure.ts'

const nameLabel = 'kubernetes.io/metadata.name'

export const namespaces: ResourceDefinition = defineResource({
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  isNamespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }, statusOf('Namespace')],
  selectableFields: fieldsAt('status.phase'),
  strategy: genericStrategy({
    nameRule: 'dns-label',
    newStatus: { phase: 'Active' },
    applyDefaults: withNameLabel,
    completeNew: (object) => {
      const spec = asKind<Namespace>(object).spec ?? {}
      const finalizers = listOf(spec.finalizers)
      const named = withNameLabel(object)
      if (finalizers.includes('kubernetes')) return named
      return { ...named, spec: { ...spec, finalizers: [...finalizers, 'kubernetes'] } }
    },
    completeUpdate: (next, old, subresource) =>
      subresource === '' ? withField(next, 'spec', old['spec']) : next,
    validate: (object) => validateFinalizers(object, () => 'spec.finalizers'),
    validateUpdate: function* (next, _old, subresource) {
      if (subresource === 'finalize') {
        yield* validateFinalizers(next, (index) => `spec.finalizers[${index}]`)
      } else if (subresource === 'status') yield* validatePhase(asKind<Namespace>(next))
    },
  }),
})

function withNameLabel(object: KubeObject): KubeObject {
  const { name, labels } = object.metadata
  if (name === undefined || name === '' || labels?.[nameLabel] === name) return object
  const named = { ...labels, [nameLabel]: name }
  return withField(object, 'metadata', withField(object.metadata, 'labels', named))
}

const standard = new Set(['kubernetes', 'orphan', 'foregroundDeletion'])

function* validateFinalizers(
  object: KubeObject,
  pathOf: (index: number) => string,
): Iterable<FieldError> {
  for (const [index, finalizer] of listOf(asKind<Namespace>(object).spec?.finalizers).entries()) {
    const text = textOf(finalizer)
    for (const fault of qualifiedNameFaults(text)) yield invalidValue(pathOf(index), text, fault)
    if (text.includes('/') || standard.has(text)) continue
    const why = 'name is neither a standard finalizer name nor is it fully qualified'
    yield invalidValue(pathOf(index), text, why)
  }
}

function* validatePhase({ metadata, status }: Namespace): Iterable<FieldError> {
  const isDeleted = metadata.deletionTimestamp !== undefined
  const phase = textOf(status?.phase)
  const expected = isDeleted ? 'Terminating' : 'Active'
  if (phase === expected) return
  const state = isDeleted ? 'is not empty' : 'is empty'
  const why = `may only be '${expected}' if \`deletionTimestamp\` ${state}`
  yield invalidValue('status.Phase', phase, why)
}
