// SPDX-License-Identifier: Apache-2.0
// Rules for paths of files inside volumes and containers.
import { invalidValue, type FieldError } from '../../objects/field-error.ts'

/** Relative, and not out of the folder it is relative to. */
export function* validateDescendingPath(text: string, path: string): Iterable<FieldError> {
  if (text.startsWith('/')) yield invalidValue(path, text, 'must be a relative path')
  yield* validateNoBacksteps(text, path)
}

export function* validateNoBacksteps(text: string, path: string): Iterable<FieldError> {
  if (text.split('/').includes('..')) yield invalidValue(path, text, "must not contain '..'")
}

/** A path that cannot collide with the links by which volumes are swapped. */
export function* validateUnreservedPath(text: string, path: string): Iterable<FieldError> {
  yield* validateDescendingPath(text, path)
  if (text.startsWith('..') && !text.startsWith('../')) {
    yield invalidValue(path, text, "must not start with '..'")
  }
}

export function* validateFileMode(mode: number | undefined, path: string): Iterable<FieldError> {
  if (typeof mode !== 'number' || (mode >= 0 && mode <= 0o777)) return
  yield invalidValue(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')
}
