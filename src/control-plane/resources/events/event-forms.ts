// SPDX-License-Identifier: Apache-2.0
// An event in its two forms: v1, as it is stored, and events.k8s.io/v1, which has other names for the
// same fields. Both ways lose nothing.
import type { KubeObject } from '../../objects/kube-object.ts'

/** Name in v1 and name in events.k8s.io/v1, where they differ. */
const renamed: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
]
const toGroupName = new Map(renamed)
const toCoreName = new Map(renamed.map(([core, group]) => [group, core]))

/** The events.k8s.io/v1 form of a stored event. */
export function toGroupEvent(object: KubeObject): KubeObject {
  return rename(object, { apiVersion: 'events.k8s.io/v1', names: toGroupName })
}

/** The stored form of an events.k8s.io/v1 event. */
export function toCoreEvent(object: KubeObject): KubeObject {
  return rename(object, { apiVersion: 'v1', names: toCoreName })
}

function rename(
  object: KubeObject,
  {
    apiVersion,
    names,
  }: { readonly apiVersion: string; readonly names: ReadonlyMap<string, string> },
): KubeObject {
  const { kind, metadata } = object
  const result: Record<string, unknown> & KubeObject = { apiVersion, kind, metadata }
  for (const field in object) {
    if (field !== 'apiVersion') result[names.get(field) ?? field] = object[field]
  }
  return result
}
