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

/** Fields of v1 that are there even when they say nothing. */
const coreDefaults: Readonly<Record<string, unknown>> = {
  source: {},
  firstTimestamp: null,
  lastTimestamp: null,
  eventTime: null,
  reportingComponent: '',
  reportingInstance: '',
}

/** An event of v1 with the fields that are always there. */
export function withCoreDefaults(object: KubeObject): KubeObject {
  const isComplete = Object.keys(coreDefaults).every((field) => object[field] !== undefined)
  return isComplete ? object : { ...coreDefaults, ...object }
}

/** The events.k8s.io/v1 form of a stored event. */
export function toGroupEvent(object: KubeObject): KubeObject {
  const { reportingComponent, reportingInstance, ...rest } = withCoreDefaults(object)
  const reporter = {
    ...(reportingComponent !== '' && { reportingComponent }),
    ...(reportingInstance !== '' && { reportingInstance }),
  }
  const named = { ...rest, ...reporter }
  return rename(named, { apiVersion: 'events.k8s.io/v1', names: toGroupName })
}

/** The stored form of an events.k8s.io/v1 event. */
export function toCoreEvent(object: KubeObject): KubeObject {
  return withCoreDefaults(rename(object, { apiVersion: 'v1', names: toCoreName }))
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
