// SPDX-License-Identifier: Apache-2.0
// Namespaces, with the address by which their finalizers are changed.
import { defineResource, statusOf } from '../define-resource.ts'
import { genericStrategy } from '../generic-strategy.ts'
import type { ResourceDefinition } from '../resource-definition.ts'
import { fieldsAt } from '../selectable-field.ts'

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
    completeNew: (object) => {
      const spec = object['spec'] as { readonly finalizers?: readonly string[] } | undefined
      const finalizers = spec?.finalizers ?? []
      if (finalizers.includes('kubernetes')) return object
      return { ...object, spec: { ...spec, finalizers: [...finalizers, 'kubernetes'] } }
    },
    completeUpdate: (next, old, subresource) => {
      if (subresource !== '' || next['spec'] === old['spec']) return next
      return { ...next, spec: old['spec'] }
    },
    applyDefaults: (object) => {
      const { name, labels } = object.metadata
      if (name === undefined || labels?.['kubernetes.io/metadata.name'] === name) return object
      const withName = { ...labels, 'kubernetes.io/metadata.name': name }
      return { ...object, metadata: { ...object.metadata, labels: withName } }
    },
  }),
})
