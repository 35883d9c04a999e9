// SPDX-License-Identifier: Apache-2.0
// A PATCH as a function from the stored object to the new one. Apply, the fourth kind of patch, also
// makes objects that are not there yet.
import type { KubeObject } from '../objects/kube-object.ts'
import { badRequest, StatusError } from '../objects/api-status.ts'
import { applyMediaType, applyObject } from '../patch/apply-object.ts'
import { patchMediaTypes, patchObject } from '../patch/patch-object.ts'
import { apiVersionOf } from '../resources/registry.ts'
import type { Decoded } from '../schema/decode-object.ts'
import type { ApiExchange } from './api-exchange.ts'
import { checkYamlSize, fieldValidationOf, mediaType, schemaFor } from './request-body.ts'
import type { Kind } from './request-body.ts'
import { isTrue } from './request-info.ts'
import type { ResourceTarget } from './request-info.ts'

/** What a patch does to an object that is there, and to one that is not (only apply makes one). */
export interface RequestPatch {
  readonly change: (old: KubeObject) => KubeObject
  readonly create?: () => KubeObject
  /** Apply keeps managedFields itself. */
  readonly isApply?: boolean
}

export interface PatchContext {
  readonly kind: Kind
  readonly target: ResourceTarget
  readonly nowMs: number
}

const openingBrace = 0x7b
const mediaTypes: readonly string[] = [...patchMediaTypes, applyMediaType]

/** Reads the body; 415 for an unknown kind of patch. */
export async function readPatch(
  exchange: ApiExchange,
  { kind, target, nowMs }: PatchContext,
): Promise<RequestPatch> {
  const type = mediaType(exchange.header('content-type'))
  if (!mediaTypes.includes(type)) {
    throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  }
  const bytes = await exchange.body()
  // What kubectl applies is JSON, though its name is YAML.
  if (type === applyMediaType && bytes[0] !== openingBrace) checkYamlSize(bytes)
  const body = bytes.toString('utf8')
  const schema = schemaFor(kind)
  const fieldValidation = fieldValidationOf(exchange.info.query)
  const common = { body, schema, fieldValidation, apiVersion: apiVersionOf(kind) }
  const told = ({ object, warnings }: Decoded): KubeObject => {
    for (const warning of warnings) exchange.warn(warning)
    checkName(object, target.name)
    return object
  }
  if (type !== applyMediaType) {
    return { change: (live) => told(patchObject({ ...common, live, mediaType: type })) }
  }
  const { query } = exchange.info
  const manager = query.get('fieldManager') ?? ''
  const force = isTrue(query.get('force'))
  const { subresource } = target
  const apply = (live: KubeObject | undefined): KubeObject =>
    told(applyObject({ ...common, live, manager, force, subresource, nowMs }))
  return {
    change: apply,
    ...(subresource === '' && { create: () => apply(undefined) }),
    isApply: true,
  }
}

/** A patch cannot rename. */
function checkName({ metadata: { name } }: KubeObject, expected: string): void {
  if (name === expected) return
  throw badRequest(
    name
      ? `the name of the object (${name}) does not match the name on the URL (${expected})`
      : `the name of the object (${expected} based on URL) was undeterminable: name must be provided`,
  )
}
