// SPDX-License-Identifier: Apache-2.0
// Changes an object or one of its subresources. Reading, changing, judging and writing are one
// synchronous step, so a patch never has to be tried again. An update that changes nothing writes
// nothing (k8s.io/apiserver, pkg/registry/rest/update.go).
import type { AdmissionRequest } from '../admission/admission.ts'
import { invalid, notFound, staleVersion } from '../objects/api-status.ts'
import { invalidValue } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { isSemanticallyEqual } from '../resources/semantic-equality.ts'
import { inNamespace, keepIdentity } from '../resources/meta/keep-identity.ts'
import { validateChange } from '../resources/validate-object.ts'
import { mutateByAdmission, validateByAdmission } from './admit.ts'
import { keyOf, kindFirst, shown } from './api-core.ts'
import type { ApiCore, Place, WriteOptions } from './api-core.ts'
import { createObject, kindInErrors } from './create-object.ts'
import { tracked } from './tracked.ts'

/** The state after an update; `isNew` when it created the object. */
export interface UpdateResult {
  readonly object: KubeObject
  readonly isNew: boolean
}

export interface UpdateOptions extends WriteOptions {
  /** Makes the object of a name that is not there yet; without it that is a 404. */
  readonly create?: () => KubeObject
}

/** `change` gets the stored object and returns what it shall become; throws to refuse. */
export function updateObject(
  core: ApiCore,
  place: Place,
  change: (old: KubeObject) => KubeObject,
  options: UpdateOptions,
): UpdateResult {
  const { resource } = place
  const stored = core.store.get(keyOf(place))
  if (!stored) {
    if (!options.create) throw notFound(resource, place.name)
    return { object: createObject(core, place, options.create(), options), isNew: true }
  }
  const old = shown(resource, stored)
  const given = change(old)
  checkVersion(given, old, place)
  const next = settle(core, { place, given, old, options })
  if (next === old || options.isDryRun) return { object: next, isNew: false }
  const inStorage = resource.toStorage ? resource.toStorage(next) : next
  if (isGone(next, resource)) {
    core.store.remove(keyOf(place), inStorage)
    return { object: next, isNew: false }
  }
  return {
    object: shown(resource, core.store.put(keyOf(place), kindFirst(inStorage))),
    isNew: false,
  }
}

interface Update {
  readonly place: Place
  readonly given: KubeObject
  readonly old: KubeObject
  readonly options: WriteOptions
}

function checkVersion(given: KubeObject, old: KubeObject, { resource, name }: Place): void {
  const { resourceVersion } = given.metadata
  const hasVersion = resourceVersion !== undefined && resourceVersion !== ''
  if (!hasVersion && resource.strategy.requiresResourceVersion) {
    const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update')
    throw invalid(resource, name, [error])
  }
  if (hasVersion && resourceVersion !== old.metadata.resourceVersion) {
    throw staleVersion(resource, name)
  }
}

/** What is to be stored, or `old` itself when that is no change. */
function settle(core: ApiCore, update: Update): KubeObject {
  const { place, given, old, options } = update
  const { resource, subresource } = place
  const { strategy } = resource
  const complete = tracked(core, { place, live: old, next: strategy.applyDefaults(given), options })
  const request = admissionRequest(update, complete)
  const admitted = mutateByAdmission(core, request)
  const kept = withServerMetadata(admitted, old, place.namespace)
  const context = { user: options.user, nowMs: core.clock.nowMs() }
  const prepared = strategy.prepareForUpdate(kept, old, subresource, context)
  const next = core.allocate(prepared, resource)
  if (isSemanticallyEqual(next, old)) return old
  const errors = validateChange(resource, { next, old }, subresource)
  if (errors.length > 0) throw invalid(kindInErrors(resource), place.name, errors)
  if (subresource === '') {
    for (const warning of strategy.warnings?.(next, old) ?? []) options.warn(warning)
  }
  validateByAdmission(core, { ...request, object: next }, options.warn)
  return next
}

function admissionRequest({ place, old, options }: Update, object: KubeObject): AdmissionRequest {
  const { user, isDryRun } = options
  return { ...place, user, isDryRun, object, old, operation: 'UPDATE' }
}

/** Identity, version and generation are the server's, whatever the client has sent. */
function withServerMetadata(given: KubeObject, old: KubeObject, namespace: string): KubeObject {
  const { resourceVersion, generation, name } = old.metadata
  const metadata = {
    ...given.metadata,
    ...(given.metadata.name === undefined && { name }),
    resourceVersion,
    generation,
  } as KubeObject['metadata']
  return keepIdentity(inNamespace({ ...given, metadata }, namespace), old)
}

/** An object on its way out goes with its last finalizer, once its grace is over. */
function isGone({ metadata, ...object }: KubeObject, { storage }: ResourceDefinition): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata
  if (deletionTimestamp === undefined || finalizers.length > 0) return false
  if (deletionGracePeriodSeconds > 0) return false
  if (storage !== 'namespaces') return true
  const { finalizers: ofSpec = [] } = (object['spec'] ?? {}) as { finalizers?: readonly string[] }
  return ofSpec.length === 0
}
