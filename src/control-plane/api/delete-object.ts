// SPDX-License-Identifier: Apache-2.0
// Deletes an object: at once, or by marking it while something is still to be done: a pod's grace, a
// finalizer, dependents that go first (k8s.io/apiserver, pkg/registry/rest/delete.go).
import type { AdmissionRequest } from '../admission/admission.ts'
import type { User } from '../auth/user.ts'
import { conflict, notFound } from '../objects/api-status.ts'
import { deepEqual } from '../objects/deep-equal.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { validateByAdmission } from './admit.ts'
import { keyOf, shown } from './api-core.ts'
import type { ApiCore, Place } from './api-core.ts'
import { wireTime } from '../../util/wire-time.ts'

/** DeleteOptions of the API, checked. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly isDryRun: boolean
  readonly user: User
}

/** What is left: `isGone` when nothing is. */
export interface DeleteResult {
  readonly object: KubeObject
  readonly isGone: boolean
}

export function deleteObject(core: ApiCore, place: Place, options: DeleteOptions): DeleteResult {
  const { resource } = place
  const stored = core.store.get(keyOf(place))
  if (!stored) throw notFound(resource, place.name)
  const object = shown(resource, stored)
  checkPreconditions(object, place, options)
  validateByAdmission(core, admissionRequest(place, object, options))
  const marked = marking(object, { core, place, options })
  if (marked === 'remove') {
    if (!options.isDryRun) core.store.remove(keyOf(place))
    return { object, isGone: true }
  }
  if (marked === object || options.isDryRun) return { object: marked, isGone: false }
  const inStorage = resource.toStorage ? resource.toStorage(marked) : marked
  return { object: shown(resource, core.store.put(keyOf(place), inStorage)), isGone: false }
}

function admissionRequest(
  place: Place,
  old: KubeObject,
  { user, isDryRun }: DeleteOptions,
): AdmissionRequest {
  return { ...place, user, isDryRun, object: undefined, old, operation: 'DELETE' }
}

function checkPreconditions(
  { metadata }: KubeObject,
  { resource, name }: Place,
  { preconditions = {} }: DeleteOptions,
): void {
  const { uid, resourceVersion } = preconditions
  if (uid !== undefined && uid !== metadata.uid) {
    const why =
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). ` +
      'The object might have been deleted and then recreated'
    throw conflict({ ...resource, plural: resource.kind }, name, why)
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why =
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ` +
      `ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`
    throw conflict({ ...resource, plural: resource.kind }, name, why)
  }
}

interface Deletion {
  readonly core: ApiCore
  readonly place: Place
  readonly options: DeleteOptions
}

/** The object as it has to wait for its end; itself when nothing changes; or that it can go now. */
function marking(object: KubeObject, deletion: Deletion): KubeObject | 'remove' {
  const graceSeconds = graceOf(object, deletion)
  const finalizers = finalizersOf(object, deletion)
  const { metadata } = object
  const isMarked = metadata.deletionTimestamp !== undefined
  const waits = finalizers.length > 0 || isNamespaceInUse(object, deletion.place)
  if (graceSeconds === 0 && !waits) return 'remove'
  const before = metadata.deletionGracePeriodSeconds ?? 0
  // A deletion under way only ever gets shorter.
  if (isMarked && graceSeconds >= before && deepEqual(finalizers, metadata.finalizers ?? [])) {
    return object
  }
  const seconds = isMarked ? Math.min(before, graceSeconds) : graceSeconds
  return {
    ...object,
    ...(deletion.place.resource.storage === 'namespaces' && {
      status: { ...(object['status'] as object), phase: 'Terminating' },
    }),
    metadata: {
      ...metadata,
      deletionTimestamp: deletionTime(object, seconds, deletion),
      deletionGracePeriodSeconds: seconds,
      ...(metadata.generation !== undefined &&
        !isMarked && { generation: metadata.generation + 1 }),
      finalizers: finalizers.length > 0 ? finalizers : (undefined as never),
    },
  }
}

function deletionTime({ metadata }: KubeObject, seconds: number, { core }: Deletion): string {
  const nowMs = core.clock.nowMs()
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata
  if (deletionTimestamp === undefined) return wireTime(nowMs + seconds * 1000)
  const begunMs = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000
  return wireTime(Math.max(begunMs + seconds * 1000, nowMs))
}

/** Kinds that end gracefully may stay a while; the others go at once. */
function graceOf(object: KubeObject, { place, options }: Deletion): number {
  const { gracePeriodSeconds: graceOfKind } = place.resource.strategy
  if (!graceOfKind) return 0
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata
  const { gracePeriodSeconds: asked } = options
  const wanted = asked ?? (deletionTimestamp === undefined ? undefined : deletionGracePeriodSeconds)
  return graceOfKind(object, wanted !== undefined && wanted < 0 ? 1 : wanted)
}

/** The finalizers of garbage collection follow the client's wish; others stay. */
function finalizersOf({ metadata }: KubeObject, { place, options }: Deletion): readonly string[] {
  const { finalizers = [], deletionTimestamp } = metadata
  const wish =
    options.propagationPolicy ?? inherited(finalizers) ?? place.resource.strategy.defaultPropagation
  if (deletionTimestamp !== undefined && options.propagationPolicy === undefined) return finalizers
  const others = finalizers.filter((one) => one !== 'orphan' && one !== 'foregroundDeletion')
  if (wish === 'Orphan') return [...others, 'orphan']
  if (wish === 'Foreground') return [...others, 'foregroundDeletion']
  return others
}

function inherited(finalizers: readonly string[]): 'Orphan' | 'Foreground' | undefined {
  if (finalizers.includes('orphan')) return 'Orphan'
  return finalizers.includes('foregroundDeletion') ? 'Foreground' : undefined
}

function isNamespaceInUse(object: KubeObject, { resource }: Place): boolean {
  if (resource.storage !== 'namespaces') return false
  const { finalizers = [] } = (object['spec'] ?? {}) as { readonly finalizers?: readonly string[] }
  return finalizers.length > 0
}
