// SPDX-License-Identifier: Apache-2.0
// The refusals of patches that have no better form upstream either.
import { StatusError } from '../objects/api-status.ts'
import { goText } from '../schema/go-text.ts'
import type { JsonObject } from '../schema/json-object.ts'

/** An error that upstream gives no code of its own, so that clients see a 500 with its sentence. */
export function failure(message: string): StatusError {
  return new StatusError(500, '', message)
}

export function unknownPatchType(directive: unknown, patch: JsonObject): StatusError {
  return failure(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`)
}

/** A patch that cannot be applied; the API server says neither which part of it nor why. */
export function unprocessable(): StatusError {
  const message = 'the server rejected our request due to an error in our request'
  return new StatusError(422, 'Invalid', message, {})
}
