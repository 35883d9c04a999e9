// SPDX-License-Identifier: Apache-2.0
// Whether an applied configuration fits its type: no unknown fields, the right kinds of values, no
// element of a list twice. The sentences are those of sigs.k8s.io/structured-merge-diff.
import { goText, goTypeName } from '../schema/go-text.ts'
import { isObject } from '../schema/json-object.ts'
import type { FieldSchema, TypeSchema } from '../schema/schema-catalog.ts'
import { elementKey, memberScope, relationOf, type Scope } from './field-relation.ts'
import { pathText } from './field-set.ts'

/** What is wrong, as one text; undefined when nothing is. */
export function faultOfApplied(object: unknown, type: TypeSchema): string | undefined {
  const faults: string[] = []
  validate(object, type, { path: '', faults })
  if (faults.length <= 1) return faults[0]
  return ['errors:', ...faults.map((fault) => `  ${fault}`)].join('\n')
}

interface At {
  readonly path: string
  readonly faults: string[]
}

function validate(value: unknown, scope: Scope, at: At): void {
  if (value === null || scope === undefined) return
  if (!('element' in scope) || scope.kind === 'struct' || scope.kind === 'map') {
    if (isObject(value)) validateObject(value, scope, at)
    else report(at, `expected map, got &{${goText(value)}}`)
  } else if (scope.kind === 'list') {
    if (Array.isArray(value)) validateList(value, scope, at)
    else report(at, `expected list, got &{${goText(value)}}`)
  } else validateScalar(value, scope, at)
}

function report({ path, faults }: At, what: string): void {
  faults.push(path === '' ? what : `${path}: ${what}`)
}

function validateObject(value: Readonly<Record<string, unknown>>, scope: Scope, at: At): void {
  for (const name of Object.keys(value)) {
    const path = `${at.path}.${name}`
    const member = memberScope(scope, name)
    if (!member) {
      report({ ...at, path }, 'field not declared in schema')
      return
    }
    validate(value[name], member, { ...at, path })
  }
}

function validateList(list: readonly unknown[], scope: FieldSchema, at: At): void {
  const isKeyed = relationOf(scope) === 'list'
  const seen = new Set<string>()
  for (const [index, element] of list.entries()) {
    const found = isKeyed ? elementKey(scope, element) : { key: '' }
    if ('fault' in found) {
      report(at, `element ${index}: ${found.fault}`)
      return
    }
    const shown = isKeyed ? pathText([found.key]) : `[${index}]`
    if (isKeyed && seen.has(found.key)) report(at, `duplicate entries for key ${shown}`)
    seen.add(found.key)
    validate(element, scope.element, { ...at, path: at.path + shown })
  }
}

function validateScalar(value: unknown, scope: FieldSchema, at: At): void {
  const isScalar = typeof value !== 'object'
  switch (scope.kind) {
    case 'int32':
    case 'int64':
    case 'double':
      if (typeof value === 'number') return
      return report(at, `expected numeric (int or float), got ${goTypeName(value)}`)
    case 'string':
    case 'bytes':
      if (typeof value === 'string') return
      return report(at, `expected string, got &value.valueUnstructured{Value:${goLiteral(value)}}`)
    case 'boolean':
      if (typeof value === 'boolean') return
      return report(at, `expected boolean, got &{${goText(value)}}`)
    case 'any':
      return
    default:
      if (!isScalar) report(at, `expected any scalar, got &{${goText(value)}}`)
  }
}

/** As Go's %#v. */
function goLiteral(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goLiteral).join(', ')}}`
  if (!isObject(value)) return JSON.stringify(value)
  const fields = Object.keys(value).sort()
  const shown = fields.map((name) => `${JSON.stringify(name)}:${goLiteral(value[name])}`)
  return `map[string]interface {}{${shown.join(', ')}}`
}
