// SPDX-License-Identifier: Apache-2.0
// What authorization has to know of a request, from its path and query.
import type { RequestInfo, ResourceTarget } from '../http/request-info.ts'
import { StatusError } from '../objects/api-status.ts'
import { parseFieldSelector } from '../objects/selector.ts'
import type { RequestAttributes, SelectorRequirement } from './authorizer.ts'
import { pathAttributes, resourceAttributes } from './authorizer.ts'

const collectionVerbs: readonly string[] = ['list', 'watch', 'deletecollection']

/** Attributes of a request as it came in. */
export function requestAttributes(info: RequestInfo): RequestAttributes {
  const { path, pathVerb, query, target } = info
  if (!target) return pathAttributes(pathVerb, path)
  const fieldSelector = collectionVerbs.includes(target.verb)
    ? fieldRequirements(query.get('fieldSelector') ?? '')
    : undefined
  return resourceAttributes({
    verb: target.verb,
    path,
    group: target.group,
    version: target.version,
    resource: target.plural,
    subresource: target.subresource,
    namespace: namespaceOf(target),
    name: target.name === '' ? nameIn(fieldSelector) : target.name,
    ...(fieldSelector && { fieldSelector }),
  })
}

/** A Namespace counts as being in itself, so that a Role in it can give access to it. */
function namespaceOf({ group, name, namespace, plural }: ResourceTarget): string {
  return group === '' && plural === 'namespaces' ? name : namespace
}

/** A list of what has one certain name is about that object. */
function nameIn(requirements: readonly SelectorRequirement[] = []): string {
  const byName = requirements.find(
    ({ key, operator }) => key === 'metadata.name' && operator === '=',
  )
  return byName?.values[0] ?? ''
}

/** Undefined for a selector that is missing or cannot be read: that restricts nothing. */
function fieldRequirements(text: string): readonly SelectorRequirement[] | undefined {
  if (text === '') return undefined
  try {
    return parseFieldSelector(text).map(({ field, isEqual, value }) => ({
      key: field,
      operator: isEqual ? '=' : '!=',
      values: [value],
    }))
  } catch (error) {
    if (error instanceof StatusError) return undefined
    throw error
  }
}
