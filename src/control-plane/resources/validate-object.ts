// SPDX-License-Identifier: Apache-2.0
// All that is wrong with an object: its metadata by the rules for all kinds, its content by its own.
import type { FieldError } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { validateMetadata, validateMetadataUpdate } from './meta/validate-metadata.ts'
import type { ResourceDefinition } from './resource-definition.ts'

/** Judges a new object after `prepareForCreate`; an empty list means that it may be stored. */
export function validateCreate(
  resource: ResourceDefinition,
  object: KubeObject,
): readonly FieldError[] {
  const faults = [...validateMetadata(object.metadata, resource)]
  const own = resource.strategy.validate(object)
  return faults.length === 0 ? own : [...faults, ...own]
}

/** Judges an update after `prepareForUpdate` and `keepIdentity`. */
export function validateChange(
  resource: ResourceDefinition,
  { next, old }: { readonly next: KubeObject; readonly old: KubeObject },
  subresource: string,
): readonly FieldError[] {
  const faults = [...validateMetadataUpdate(next.metadata, old.metadata)]
  const own = resource.strategy.validateUpdate(next, old, subresource)
  return faults.length === 0 ? own : [...faults, ...own]
}
