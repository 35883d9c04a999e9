// SPDX-License-Identifier: Apache-2.0
// Notes in managedFields who changed what, where somebody may want to know: see patch/track-update.ts.
import type { KubeObject } from '../objects/kube-object.ts'
import { isTracked, trackUpdate } from '../patch/track-update.ts'
import { apiVersionOf } from '../resources/registry.ts'
import { schemaOf } from '../schema/schema-of.ts'
import type { ApiCore, Place, WriteOptions } from './api-core.ts'

/** A write on its way: `live` is left out for a create. */
interface Write {
  readonly place: Place
  readonly live?: KubeObject
  readonly next: KubeObject
  readonly options: WriteOptions
}

/** The object to be stored, with its managedFields. */
export function tracked({ clock }: ApiCore, { place, live, next, options }: Write): KubeObject {
  const { fieldManager: manager } = options
  if (manager === undefined || !isTracked(live, manager)) return next
  const { resource, subresource } = place
  const schema = schemaOf(apiVersionOf(resource), resource.kind)
  if (!schema) return next
  return trackUpdate({ live, next, schema, manager, subresource, nowMs: clock.nowMs() })
}
