// SPDX-License-Identifier: Apache-2.0
// What authorization has to know of a request.
import { pathAttributes, resourceAttributes } from '../auth/authorizer.ts'
import type { RequestAttributes, SelectorRequirement } from '../auth/authorizer.ts'
import { parseFieldSelector } from '../objects/selector.ts'
import type { RequestInfo } from './request-info.ts'

export function attributesOf({ target, query, pathVerb, path }: RequestInfo): RequestAttributes {
  if (!target) return pathAttributes(pathVerb === 'head' ? 'get' : pathVerb, path)
  const { verb, group, version, plural, subresource, name } = target
  const isNamespace = plural === 'namespaces' && group === ''
  const selector = query.get('fieldSelector')
  return resourceAttributes({
    verb,
    group,
    version,
    resource: plural,
    subresource,
    namespace: isNamespace ? name : target.namespace,
    name,
    ...(selector && { fieldSelector: requirements(selector) }),
  })
}

function requirements(selector: string): readonly SelectorRequirement[] {
  return parseFieldSelector(selector).map(({ field, value, isEqual }) => ({
    key: field,
    operator: isEqual ? '=' : '!=',
    values: [value],
  }))
}
