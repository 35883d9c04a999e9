// SPDX-License-Identifier: Apache-2.0
// Field and label selectors, as far as our clients use them: equality, and bare label keys.
import type { WireObject } from './wire-object.ts'

export type Matches = (object: WireObject) => boolean

/** Does an object lie in this namespace and match both selectors? */
export function selectorOf(query: {
  readonly namespace: string | undefined
  readonly fieldSelector: string | null
  readonly labelSelector: string | null
}): Matches {
  const tests: Matches[] = []
  const { namespace, fieldSelector, labelSelector } = query
  if (namespace !== undefined) tests.push((object) => object.metadata.namespace === namespace)
  for (const term of termsOf(fieldSelector)) {
    tests.push(termOf(term, (object, field) => fieldOf(object, field)))
  }
  for (const term of termsOf(labelSelector)) {
    tests.push(termOf(term, (object, key) => object.metadata.labels?.[key]))
  }
  return (object) => tests.every((test) => test(object))
}

function termsOf(selector: string | null): readonly string[] {
  return selector ? selector.split(',') : []
}

function termOf(
  term: string,
  read: (object: WireObject, name: string) => string | undefined,
): Matches {
  const [, name = term, operator, value = ''] = /^([^!=]+)(!=|==?)(.*)$/.exec(term) ?? []
  if (operator === undefined) return (object) => read(object, name) !== undefined
  if (operator === '!=') return (object) => (read(object, name) ?? '') !== value
  return (object) => (read(object, name) ?? '') === value
}

function fieldOf(object: WireObject, field: string): string | undefined {
  let value: unknown = object
  for (const part of field.split('.'))
    value = (value as Record<string, unknown> | undefined)?.[part]
  return typeof value === 'string' ? value : undefined
}
