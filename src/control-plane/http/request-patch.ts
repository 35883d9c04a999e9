// SPDX-License-Identifier: Apache-2.0
// A PATCH as a function from the stored object to the new one. Apply, the fourth kind of patch, also
// makes objects that are not there yet.
import type { KubeObject } from '../objects/kube-object.ts'
import { unsupportedMediaType } from '../objects/api-status.ts'
import { patchMediaTypes, patchObject } from '../patch/patch-object.ts'
import { apiVersionOf } from '../resources/registry.ts'
import type { ApiExchange } from './api-exchange.ts'
import { fieldValidationOf, mediaType, schemaFor } from './request-body.ts'
import type { Kind } from './request-body.ts'
import type { ResourceTarget } from './request-info.ts'

/** What a patch does to an object that is there, and to one that is not (only apply makes one). */
export interface RequestPatch {
  readonly change: (old: KubeObject) => KubeObject
  readonly create?: () => KubeObject
}

export interface PatchContext {
  readonly kind: Kind
  readonly target: ResourceTarget
  readonly nowMs: number
}

const mediaTypes: readonly string[] = [...patchMediaTypes, 'application/apply-patch+yaml']

/** Reads the body; 415 for an unknown kind of patch. */
export async function readPatch(
  exchange: ApiExchange,
  { kind }: PatchContext,
): Promise<RequestPatch> {
  const type = mediaType(exchange.header('content-type'))
  if (!mediaTypes.includes(type)) throw unsupportedMediaType(mediaTypes)
  const body = (await exchange.body()).toString('utf8')
  const schema = schemaFor(kind)
  const fieldValidation = fieldValidationOf(exchange.info.query)
  const change = (live: KubeObject): KubeObject => {
    const apiVersion = apiVersionOf(kind)
    const request = { live, mediaType: type, body, schema, fieldValidation, apiVersion }
    const { object, warnings } = patchObject(request)
    for (const warning of warnings) exchange.warn(warning)
    return object
  }
  return { change }
}
