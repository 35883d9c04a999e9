// SPDX-License-Identifier: Apache-2.0
// The annotation in which kubectl's client-side apply keeps what it applied last. Server-side applies
// of kubectl keep it up to date where it is, so that a user can go back.
import type { KubeObject } from '../objects/kube-object.ts'
import { isObject, type JsonObject, withField, withoutFields } from '../schema/json-object.ts'

const annotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** What was applied last; undefined when there is none, or none that can be read. */
export function lastAppliedOf(object: KubeObject): JsonObject | undefined {
  const text = object.metadata.annotations?.[annotation]
  if (!text) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function withLastApplied(
  object: KubeObject,
  { manager, applied }: { readonly manager: string; readonly applied: JsonObject },
): KubeObject {
  const { annotations } = object.metadata
  if (manager !== 'kubectl' || !annotations?.[annotation]) return object
  const text = `${sortedJson(withoutAnnotation(applied))}\n`
  if (annotations[annotation] === text) return object
  const metadata = { ...object.metadata, annotations: { ...annotations, [annotation]: text } }
  return { ...object, metadata }
}

function withoutAnnotation(applied: JsonObject): JsonObject {
  const { metadata } = applied
  if (!isObject(metadata) || !isObject(metadata['annotations'])) return applied
  const annotations = withoutFields(metadata['annotations'], new Set([annotation]))
  return withField(applied, 'metadata', withField(metadata, 'annotations', annotations))
}

/** JSON with the keys of objects in order, as Go writes maps. */
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${sortedJson(value[name])}`).join(',')}}`
}
