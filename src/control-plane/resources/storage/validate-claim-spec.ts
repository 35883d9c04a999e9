// SPDX-License-Identifier: Apache-2.0
// Judges what a claim asks for, in a claim or in the template of one.
import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  TypedObjectReference,
} from '../../../kube/types.gen.ts'
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../objects/field-error.ts'
import { nanosOf } from '../canonical-quantity.ts'
import {
  validateAnnotations,
  validateLabelSelector,
  validateLabels,
} from '../meta/validate-labels.ts'
import { validateAmount } from '../meta/resource-names.ts'
import { validateDnsLabel, validateDnsSubdomain, validateOneOf } from '../meta/validate-values.ts'
import { isMissing, isRecord, listOf, mapOf, textOf } from '../read-json.ts'

export const accessModes: readonly string[] = [
  'ReadOnlyMany',
  'ReadWriteMany',
  'ReadWriteOnce',
  'ReadWriteOncePod',
]
export const volumeModes: readonly string[] = ['Block', 'Filesystem']

export function* validateClaimTemplate(
  template: PersistentVolumeClaimTemplate,
  path: string,
): Iterable<FieldError> {
  const { metadata = {}, spec } = template
  yield* validateAnnotations(metadata.annotations, `${path}.metadata.annotations`)
  yield* validateLabels(metadata.labels, `${path}.metadata.labels`)
  for (const field in metadata) {
    if (field === 'annotations' || field === 'labels' || field === 'creationTimestamp') continue
    yield forbiddenField(`${path}.metadata.${field}`, 'cannot be set')
  }
  yield* validateClaimSpec(isRecord(spec) ? spec : {}, `${path}.spec`)
}

export function* validateClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: string,
): Iterable<FieldError> {
  const modes = listOf(spec.accessModes)
  if (modes.length === 0) {
    yield required(`${path}.accessModes`, 'at least 1 access mode is required')
  }
  yield* validateLabelSelector(spec.selector, `${path}.selector`)
  yield* validateAccessModes(modes, `${path}.accessModes`)
  yield* validateStorage(spec, `${path}.resources[storage]`)
  const className = textOf(spec.storageClassName)
  if (className !== '') yield* validateDnsSubdomain(className, `${path}.storageClassName`)
  yield* validateOneOf(spec.volumeMode, `${path}.volumeMode`, { supported: volumeModes })
  yield* validateSources(spec, path)
  const attributes = textOf(spec.volumeAttributesClassName)
  if (attributes !== '') {
    yield* validateDnsSubdomain(attributes, `${path}.volumeAttributesClassName`)
  }
}

export function* validateAccessModes(modes: readonly string[], path: string): Iterable<FieldError> {
  for (const mode of modes) {
    if (!accessModes.includes(mode)) yield notSupported(path, mode, accessModes)
  }
  const others = modes.filter((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode))
  if (modes.includes('ReadWriteOncePod') && others.length > 0) {
    yield forbiddenField(path, 'may not use ReadWriteOncePod with other access modes')
  }
}

function* validateStorage(spec: PersistentVolumeClaimSpec, path: string): Iterable<FieldError> {
  const storage = mapOf(spec.resources?.requests)['storage']
  if (storage === undefined) yield required(path)
  else if ((nanosOf(storage) ?? 0n) <= 0n) {
    yield invalidValue(path, storage, 'must be greater than zero')
  } else yield* validateAmount('storage', storage, path)
}

function* validateSources(spec: PersistentVolumeClaimSpec, path: string): Iterable<FieldError> {
  const { dataSource, dataSourceRef } = spec
  if (!isMissing(dataSource)) yield* validateSource(dataSource, `${path}.dataSource`)
  if (isMissing(dataSourceRef)) return
  yield* validateSource(dataSourceRef, `${path}.dataSourceRef`)
  const namespace = textOf(dataSourceRef.namespace)
  if (namespace !== '') {
    yield* validateDnsLabel(namespace, `${path}.dataSourceRef.namespace`)
    if (isMissing(dataSource)) return
    const why = 'may not be specified when dataSourceRef.namespace is specified'
    yield invalidValue(path, `${path}.dataSource`, why)
  } else if (!isMissing(dataSource)) {
    const fields = ['apiGroup', 'kind', 'name'] as const
    if (fields.every((field) => dataSource[field] === dataSourceRef[field])) return
    yield invalidValue(path, `${path}.dataSource`, 'must match dataSourceRef')
  }
}

function* validateSource(
  source: Pick<TypedObjectReference, 'apiGroup' | 'kind' | 'name'>,
  path: string,
): Iterable<FieldError> {
  const kind = textOf(source.kind)
  const group = textOf(source.apiGroup)
  if (textOf(source.name) === '') yield required(`${path}.name`)
  if (kind === '') yield required(`${path}.kind`)
  if (group !== '') yield* validateDnsSubdomain(group, `${path}.apiGroup`)
  else if (kind !== 'PersistentVolumeClaim') {
    const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
    yield invalidValue(path, kind, why)
  }
}
