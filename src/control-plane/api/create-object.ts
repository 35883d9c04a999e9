// SPDX-License-Identifier: Apache-2.0
// Creates an object: defaults, admission, what the server decides, validation, storage, in this order,
// which is that of k8s.io/apiserver (pkg/registry/rest/create.go). Nothing else runs in between.
import { randomUUID } from 'node:crypto'
import type { AdmissionRequest } from '../admission/admission.ts'
import { alreadyExists, badRequest, invalid } from '../objects/api-status.ts'
import type { KindName } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { generateName } from '../resources/meta/generate-name.ts'
import { inNamespace } from '../resources/meta/keep-identity.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import { validateCreate } from '../resources/validate-object.ts'
import { mutateByAdmission, validateByAdmission } from './admit.ts'
import { tracked } from './tracked.ts'
import { keyOf, kindFirst, shown } from './api-core.ts'
import type { ApiCore, Place, WriteOptions } from './api-core.ts'
import { wireTime } from '../../util/wire-time.ts'

// As kube-apiserver: then the client is told that the name is taken.
const maxNameAttempts = 7

/** Stores `given` (decoded, of this resource's kind) and returns it as it is now. */
export function createObject(
  core: ApiCore,
  where: Omit<Place, 'name' | 'subresource'>,
  given: KubeObject,
  options: WriteOptions,
): KubeObject {
  const { resource } = where
  const { strategy } = resource
  const named = withIdentity(core, where, given)
  const place: Place = { ...where, name: named.metadata.name ?? '', subresource: '' }
  const complete = strategy.applyDefaults(named)
  const request = admissionRequest(
    place,
    tracked(core, { place, next: complete, options }),
    options,
  )
  const admitted = mutateByAdmission(core, request)
  const prepared = core.allocate(withServerMetadata(core, { place, admitted, options }), resource)
  const errors = validateCreate(resource, prepared)
  if (errors.length > 0) throw invalid(kindInErrors(resource), place.name, errors)
  for (const warning of strategy.warnings?.(prepared) ?? []) options.warn(warning)
  validateByAdmission(core, { ...request, object: prepared }, options.warn)
  if (core.store.get(keyOf(place))) throw alreadyExists(resource, place.name)
  if (options.isDryRun) return prepared
  const inStorage = resource.toStorage ? resource.toStorage(prepared) : prepared
  return shown(resource, core.store.put(keyOf(place), kindFirst(inStorage)))
}

function admissionRequest(
  place: Place,
  object: KubeObject,
  { user, isDryRun }: WriteOptions,
): AdmissionRequest {
  return { ...place, user, isDryRun, object, old: undefined, operation: 'CREATE' }
}

function withIdentity(
  core: ApiCore,
  { resource, namespace }: Omit<Place, 'name' | 'subresource'>,
  given: KubeObject,
): KubeObject {
  const { metadata } = given
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created')
  }
  const name = metadata.name || generatedName(core, { resource, namespace }, metadata.generateName)
  return inNamespace(
    { ...given, metadata: { ...metadata, ...(name !== '' && { name }) } },
    namespace,
  )
}

/** The kind as messages name it: that of the form in storage, where there are several. */
export function kindInErrors({ kind, group, storage }: ResourceDefinition): KindName {
  return { kind, group: storage.includes('.') ? group : '' }
}

function generatedName(
  core: ApiCore,
  where: Omit<Place, 'name' | 'subresource'>,
  prefix: string | undefined,
): string {
  if (!prefix) return ''
  for (let attempt = 0; ; attempt += 1) {
    const name = generateName(prefix)
    const isTaken = core.store.get(keyOf({ ...where, name, subresource: '' })) !== undefined
    if (!isTaken || attempt === maxNameAttempts) return name
  }
}

function withServerMetadata(core: ApiCore, { place, admitted, options }: NewObject): KubeObject {
  const {
    deletionTimestamp: _deletion,
    deletionGracePeriodSeconds: _grace,
    selfLink: _link,
    resourceVersion: _version,
    generation: _generation,
    ...metadata
  } = admitted.metadata
  const nowMs = core.clock.nowMs()
  const named = {
    ...admitted,
    metadata: { ...metadata, uid: randomUUID(), creationTimestamp: wireTime(nowMs) },
  }
  return place.resource.strategy.prepareForCreate(named, { user: options.user, nowMs })
}

interface NewObject {
  readonly place: Place
  readonly admitted: KubeObject
  readonly options: WriteOptions
}
