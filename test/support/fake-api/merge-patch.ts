// SPDX-License-Identifier: Apache-2.0
// Merge patches as the API server applies them: RFC 7386, and as much of strategic merge as status
// writers use: lists merged by key, `$patch` directives, `$setElementOrder` ignored.

type Json = unknown
type JsonObject = Record<string, Json>

// Lists that strategic merge patch merges by key; all others are replaced whole.
const mergeKeys: Readonly<Record<string, string>> = {
  conditions: 'type',
  addresses: 'type',
  podIPs: 'ip',
  hostIPs: 'ip',
  taints: '',
  ownerReferences: 'uid',
  containers: 'name',
  volumes: 'name',
}

/** The result of a patch; neither argument is changed. */
export function mergePatch(target: Json, patch: Json, isStrategic: boolean): Json {
  if (!isObject(patch)) return patch
  const { $patch: directive, ...fields } = patch
  if (isStrategic && directive === 'replace') return fields
  if (isStrategic && directive === 'delete') return undefined
  const merged: JsonObject = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(fields)) {
    if (isStrategic && name.startsWith('$')) continue
    const next = mergeField(name, { old: merged[name], patch: value }, isStrategic)
    if (next === null || next === undefined) delete merged[name]
    else merged[name] = next
  }
  return merged
}

function mergeField(
  name: string,
  { old, patch }: { old: Json; patch: Json },
  isStrategic: boolean,
) {
  const key = mergeKeys[name]
  if (isStrategic && key && Array.isArray(patch)) return mergeList(key, old, patch)
  return mergePatch(old, patch, isStrategic)
}

function mergeList(key: string, old: Json, patch: readonly Json[]): Json {
  const items = patch.filter((item) => isObject(item))
  if (items.some((item) => item['$patch'] === 'replace')) {
    return items.filter((item) => item['$patch'] === undefined)
  }
  const merged: JsonObject[] = Array.isArray(old) ? old.filter((item) => isObject(item)) : []
  for (const item of items) {
    const index = merged.findIndex((candidate) => candidate[key] === item[key])
    const isDelete = item['$patch'] === 'delete'
    if (isDelete && index >= 0) merged.splice(index, 1)
    else if (index >= 0) merged[index] = mergePatch(merged[index], item, true) as JsonObject
    else if (!isDelete) merged.push(item)
  }
  return merged
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
