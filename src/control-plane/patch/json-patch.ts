// SPDX-License-Identifier: Apache-2.0
// JSON patch (RFC 6902), with what the API server's library adds to it: negative indices count from the
// end of a list. An operation that does not apply refuses the whole patch. What no operation touches is
// shared with the object.
import { badRequest, requestTooLarge, type StatusError } from '../objects/api-status.ts'
import { jsonTypeName } from '../schema/go-text.ts'
import {
  fieldOf,
  hasField,
  isObject,
  isSameJson,
  type JsonObject,
  withField,
  withoutFields,
} from '../schema/json-object.ts'
import { unprocessable } from './patch-failure.ts'

const maxOperations = 10_000
// Copies of copies double each time: what they add together is bounded, as it is upstream.
const maxCopiedBytes = 3 * 1024 * 1024

/** Thrown inside this file for an operation that does not apply. */
class Unapplicable extends Error {}

/**
 * Applies the operations in order. Throws a 400 for what is no JSON patch, a 422 for one that does not
 * apply, a 413 for too many operations. The result may be no object: decoding refuses that.
 */
export function applyJsonPatch(object: JsonObject, patch: unknown): unknown {
  if (patch === null) return object
  if (!Array.isArray(patch)) {
    throw undecodable(patch, 'Go value of type []handlers.jsonPatchOp')
  }
  if (patch.length > maxOperations) {
    const sentence = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`
    throw requestTooLarge(`Request entity is too large: ${sentence}`)
  }
  try {
    const budget = { bytesLeft: maxCopiedBytes }
    return patch.reduce<unknown>((document, one) => applyOperation(document, one, budget), object)
  } catch (error) {
    if (!(error instanceof Unapplicable)) throw error
    throw unprocessable()
  }
}

function undecodable(value: unknown, where: string): StatusError {
  return badRequest(
    `error decoding patch: json: cannot unmarshal ${jsonTypeName(value)} into ${where}`,
  )
}

interface CopyBudget {
  bytesLeft: number
}

function applyOperation(document: unknown, operation: unknown, budget: CopyBudget): unknown {
  if (operation === null) throw new Unapplicable()
  if (!isObject(operation)) {
    throw undecodable(operation, 'Go value of type handlers.jsonPatchOp')
  }
  for (const member of ['op', 'path', 'from']) {
    const text = fieldOf(operation, member) ?? ''
    if (typeof text === 'string') continue
    throw undecodable(text, `Go struct field jsonPatchOp.${member} of type string`)
  }
  const path = pointer(operation, 'path')
  switch (fieldOf(operation, 'op')) {
    case 'add':
      return add(document, path, fieldOf(operation, 'value') ?? null)
    case 'remove':
      return remove(document, path)
    case 'replace':
      return replace(document, path, fieldOf(operation, 'value') ?? null)
    case 'move': {
      const from = pointer(operation, 'from')
      return add(remove(document, from), path, read(document, from))
    }
    case 'copy':
      return copy(document, { from: pointer(operation, 'from'), path, budget })
    case 'test': {
      const found = readOptional(document, path) ?? null
      if (!isSameJson(found, fieldOf(operation, 'value') ?? null)) throw new Unapplicable()
      return document
    }
    default:
      throw new Unapplicable()
  }
}

/** The names of a JSON pointer; empty for the whole document. */
function pointer(operation: JsonObject, member: string): readonly string[] {
  const text = fieldOf(operation, member)
  if (typeof text !== 'string') throw new Unapplicable()
  const [, ...names] = text.split('/')
  return names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Changes the container that the path leads to, and the way to it. */
function edit(
  document: unknown,
  path: readonly string[],
  change: (container: unknown, key: string) => unknown,
): unknown {
  const [name, ...rest] = path
  if (name === undefined) throw new Unapplicable()
  if (rest.length === 0) return change(document, name)
  const next = edit(child(document, name), rest, change)
  if (Array.isArray(document)) return document.with(indexIn(document, name), next)
  return withField(document as JsonObject, name, next)
}

function child(container: unknown, name: string): unknown {
  if (Array.isArray(container)) return container[indexIn(container, name)]
  if (isObject(container) && hasField(container, name)) return container[name]
  throw new Unapplicable()
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  return edit(document, path, (container, key) => {
    if (isObject(container)) return withField(container, key, value)
    if (!Array.isArray(container)) throw new Unapplicable()
    const index = key === '-' ? container.length : insertionIndex(container, key)
    return container.toSpliced(index, 0, value)
  })
}

function copy(
  document: unknown,
  {
    from,
    path,
    budget,
  }: {
    readonly from: readonly string[]
    readonly path: readonly string[]
    readonly budget: CopyBudget
  },
): unknown {
  const value = read(document, from)
  budget.bytesLeft -= Buffer.byteLength(JSON.stringify(value))
  if (budget.bytesLeft < 0) throw new Unapplicable()
  return add(document, path, value)
}

function remove(document: unknown, path: readonly string[]): unknown {
  return edit(document, path, (container, key) => {
    if (isObject(container) && hasField(container, key)) {
      return withoutFields(container, new Set([key]))
    }
    if (!Array.isArray(container)) throw new Unapplicable()
    return container.toSpliced(indexIn(container, key), 1)
  })
}

function replace(document: unknown, path: readonly string[], value: unknown): unknown {
  if (path.length === 0) {
    if (isObject(value) || Array.isArray(value)) return value
    throw new Unapplicable()
  }
  return edit(document, path, (container, key) => {
    // A key that is not there is set: the library asks for no more than its container.
    if (isObject(container)) return withField(container, key, value)
    if (!Array.isArray(container)) throw new Unapplicable()
    return container.with(indexIn(container, key), value)
  })
}

function read(document: unknown, path: readonly string[]): unknown {
  const value = readOptional(document, path)
  return value === undefined ? null : value
}

/** Undefined for an absent key of an object that is there. */
function readOptional(document: unknown, path: readonly string[]): unknown {
  let at = document
  for (const [depth, name] of path.entries()) {
    const isLast = depth === path.length - 1
    if (isLast && isObject(at)) return fieldOf(at, name)
    at = child(at, name)
  }
  return at
}

function indexIn(list: readonly unknown[], key: string): number {
  const index = wholeNumber(key)
  const actual = index < 0 ? index + list.length : index
  if (actual < 0 || actual >= list.length) throw new Unapplicable()
  return actual
}

function insertionIndex(list: readonly unknown[], key: string): number {
  const index = wholeNumber(key)
  const actual = index < 0 ? index + list.length + 1 : index
  if (actual < 0 || actual > list.length) throw new Unapplicable()
  return actual
}

function wholeNumber(key: string): number {
  if (!/^[+-]?\d{1,9}$/.test(key)) throw new Unapplicable()
  return Number(key)
}
