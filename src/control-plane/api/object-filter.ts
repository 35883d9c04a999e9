// SPDX-License-Identifier: Apache-2.0
// Which objects of a collection a list or watch is about: a namespace, a label selector and a field
// selector, made into one function.
import { badRequest } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { parseFieldSelector, parseLabelSelector } from '../objects/selector.ts'
import type { FieldRequirement } from '../objects/selector.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { unknownFieldMessage } from '../resources/selectable-field.ts'

export interface ObjectFilter {
  /** '' is all namespaces. */
  readonly namespace: string
  /** The only name that can match, where the selector gives it. */
  readonly name: string | undefined
  /** Whether anything but the namespace narrows the collection. */
  readonly isSelective: boolean
  readonly matches: (object: KubeObject) => boolean
}

/** Throws 400 for a selector that cannot be read or names an unknown field. */
export function objectFilter(
  resource: ResourceDefinition,
  namespace: string,
  query: URLSearchParams,
): ObjectFilter {
  const labelSelector = query.get('labelSelector') ?? ''
  const fieldSelector = query.get('fieldSelector') ?? ''
  const matchesLabels = parseLabelSelector(labelSelector)
  const requirements = parseFieldSelector(fieldSelector)
  const fields = requirements.map((one) => ({ ...one, read: reader(resource, one) }))
  const name = requirements.find(
    ({ field, isEqual }) => isEqual && field === 'metadata.name',
  )?.value
  const matches = (object: KubeObject): boolean => {
    if (namespace !== '' && object.metadata.namespace !== namespace) return false
    for (const { read, value, isEqual } of fields) {
      if ((read(object) === value) !== isEqual) return false
    }
    return matchesLabels === undefined || matchesLabels(object.metadata.labels ?? {})
  }
  const isSelective = matchesLabels !== undefined || fields.length > 0
  return { namespace, name, isSelective, matches }
}

function reader(
  resource: ResourceDefinition,
  { field }: FieldRequirement,
): (object: KubeObject) => string {
  if (field === 'metadata.name') return ({ metadata }) => metadata.name ?? ''
  if (field === 'metadata.namespace' && resource.isNamespaced) {
    return ({ metadata }) => metadata.namespace ?? ''
  }
  const { selectableFields = {} } = resource
  const read = Object.hasOwn(selectableFields, field) ? selectableFields[field] : undefined
  if (read) return read
  throw badRequest(unknownFieldMessage(resource, field))
}
