// SPDX-License-Identifier: Apache-2.0
// The four kinds of PATCH, by content type, each as a function from the stored object to the new one.
import { parse as parseYaml } from 'yaml'
import { badRequest, unsupportedMediaType } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { applyJsonPatch } from '../patch/json-patch.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../patch/strategic-merge-patch.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { schemaOf } from '../schema/schema-of.ts'
import type { ApiExchange } from './api-exchange.ts'
import { apiVersionOf } from '../resources/registry.ts'
import { mediaType } from './request-body.ts'
import type { ResourceTarget } from './request-info.ts'

/** What a patch does to an object that is there, and to one that is not (only apply makes one). */
export interface RequestPatch {
  readonly change: (old: KubeObject) => KubeObject
  readonly create?: () => KubeObject
}

export interface PatchContext {
  readonly resource: ResourceDefinition
  readonly target: ResourceTarget
  readonly nowMs: number
}

const patchTypes: readonly string[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

/** Reads the body; 415 for an unknown kind of patch. */
export async function readPatch(
  exchange: ApiExchange,
  { resource }: PatchContext,
): Promise<RequestPatch> {
  const type = mediaType(exchange.header('content-type'))
  if (!patchTypes.includes(type)) throw unsupportedMediaType(patchTypes)
  const patch = parse(type, await exchange.body())
  const schema = schemaOf(apiVersionOf(resource), resource.kind)
  switch (type) {
    case 'application/json-patch+json':
      return { change: (old) => applyJsonPatch(old, patch) as KubeObject }
    case 'application/merge-patch+json':
      return { change: (old) => applyMergePatch(old, patch) as KubeObject }
    case 'application/strategic-merge-patch+json':
      if (!schema) throw unsupportedMediaType(patchTypes)
      return { change: (old) => applyStrategicMergePatch(old, patch, schema) as KubeObject }
    default:
      throw unsupportedMediaType(patchTypes)
  }
}

function parse(type: string, body: Buffer): unknown {
  const text = body.toString('utf8')
  try {
    return type.endsWith('yaml') ? parseYaml(text) : JSON.parse(text)
  } catch (error) {
    throw badRequest(`error decoding patch: ${String(error)}`)
  }
}
