// SPDX-License-Identifier: Apache-2.0
// POST, PUT, PATCH and DELETE of objects. The write itself is one synchronous step in ../api; here are
// the reading of the request before it and the waiting for durability after it.
import { setImmediate as turn } from 'node:timers/promises'
import type { ApiCore, Place, WriteOptions } from '../api/api-core.ts'
import { createObject } from '../api/create-object.ts'
import { deleteObject } from '../api/delete-object.ts'
import type { DeleteOptions, DeleteResult } from '../api/delete-object.ts'
import { snapshotOf } from '../api/list-objects.ts'
import { objectFilter } from '../api/object-filter.ts'
import { updateObject } from '../api/update-object.ts'
import type { UpdateResult } from '../api/update-object.ts'
import { requireAllowed } from '../auth/authorizer.ts'
import { requestAttributes } from '../auth/request-attributes.ts'
import { badRequest, conflict, StatusError } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { managerOf } from '../patch/track-update.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { ApiExchange } from './api-exchange.ts'
import { readDeleteOptions } from './delete-options.ts'
import { isDryRun, readObject } from './request-body.ts'
import { encoderOf } from './read-verbs.ts'
import type { ResourceRequest, VerbContext } from './read-verbs.ts'
import { readPatch } from './request-patch.ts'

export async function createResource(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const encoder = encoderOf(exchange, resource, core)
  const given = await readObject(exchange, resource)
  const object = createObject(core, { ...target, resource }, given, writeOptions(exchange))
  await core.store.durable()
  exchange.sendLine(201, encoder.object(object))
}

export async function updateResource(
  { core, authorizer }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const given = named(await readObject(exchange, resource), target.name)
  const mayCreate = resource.strategy.allowsCreateOnUpdate === true && target.subresource === ''
  const change = (old: KubeObject): KubeObject => sameUid(given, old, { target, resource })
  const result = updateObject(core, { ...target, resource }, change, {
    ...writeOptions(exchange),
    ...(mayCreate && { create: asCreator({ authorizer }, exchange, () => given) }),
  })
  await sendResult({ core }, { exchange, resource }, result)
}

export async function patchResource(
  { core, authorizer }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const patch = await readPatch(exchange, { kind: resource, target, nowMs: core.clock.nowMs() })
  const { fieldManager: _applied, ...untracked } = writeOptions(exchange)
  const result = updateObject(core, { ...target, resource }, patch.change, {
    ...(patch.isApply ? untracked : writeOptions(exchange)),
    ...(patch.create && { create: asCreator({ authorizer }, exchange, patch.create) }),
  })
  await sendResult({ core }, { exchange, resource }, result)
}

export async function deleteResource(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const options = { ...(await readDeleteOptions(exchange)), user: exchange.user }
  const result = deleteObject(core, { ...target, resource }, options)
  await core.store.durable()
  const body = deletionAnswer(resource, result)
  const isObject = body === result.object
  exchange.sendLine(
    200,
    isObject
      ? encoderOf(exchange, resource, core).object(result.object)
      : Buffer.from(JSON.stringify(body)),
  )
}

export async function deleteCollection(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const options = { ...(await readDeleteOptions(exchange)), user: exchange.user }
  const filter = objectFilter(resource, target.namespace, exchange.info.query)
  const { items, revision } = snapshotOf(core, resource, filter)
  const deleted: KubeObject[] = []
  for (const [index, { object }] of items.entries()) {
    if (index > 0 && index % deletesPerTurn === 0) {
      await core.store.durable()
      // Requests in between are answered.
      await turn()
    }
    const { name, namespace = '' } = object.metadata
    const gone = deleteIfThere(core, { resource, namespace, name, subresource: '' }, options)
    if (gone) deleted.push(gone)
  }
  await core.store.durable()
  const apiVersion = resource.group === '' ? 'v1' : `${resource.group}/${resource.version}`
  const metadata = { resourceVersion: String(revision) }
  exchange.sendJson(200, { kind: `${resource.kind}List`, apiVersion, metadata, items: deleted })
}

const deletesPerTurn = 100

/** Undefined when somebody else's delete, admission or finalizer removed it first: as was asked. */
function deleteIfThere(
  core: ApiCore,
  place: Place,
  options: DeleteOptions,
): KubeObject | undefined {
  try {
    return deleteObject(core, place, options).object
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined
    throw error
  }
}

/** Who writes, and whether it counts. */
export function writeOptions(exchange: ApiExchange): WriteOptions {
  const { user, warn, info } = exchange
  const given = info.query.get('fieldManager') ?? undefined
  const fieldManager = managerOf(given, exchange.header('user-agent'))
  return { user, warn, isDryRun: isDryRun(info.query), fieldManager }
}

/** Who may change objects may not therefore make them: that is another right. */
function asCreator(
  { authorizer }: Pick<VerbContext, 'authorizer'>,
  { info, user }: ApiExchange,
  create: () => KubeObject,
): () => KubeObject {
  return () => {
    requireAllowed(authorizer, user, { ...requestAttributes(info), verb: 'create' })
    return create()
  }
}

async function sendResult(
  { core }: Pick<VerbContext, 'core'>,
  { exchange, resource }: Pick<ResourceRequest, 'exchange' | 'resource'>,
  { object, isNew }: UpdateResult,
): Promise<void> {
  await core.store.durable()
  exchange.sendLine(isNew ? 201 : 200, encoderOf(exchange, resource, core).object(object))
}

/** A PUT that names another uid is about an object that is gone. */
function sameUid(
  given: KubeObject,
  old: KubeObject,
  { target, resource }: Pick<ResourceRequest, 'target' | 'resource'>,
): KubeObject {
  const { uid } = given.metadata
  if (!uid || uid === old.metadata.uid) return given
  const what = `UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`
  throw conflict(resource, target.name, `Precondition failed: ${what}`)
}

/** The object of a PUT may leave its name out, and may name no other. */
export function named(given: KubeObject, name: string): KubeObject {
  const { metadata } = given
  if (metadata.name === name) return given
  if (metadata.name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    )
  }
  return { ...given, metadata: { ...metadata, name } }
}

// Kinds whose last state is the answer to the delete that removed them.
const answersWithObject: readonly string[] = [
  'namespaces',
  'persistentvolumes',
  'persistentvolumeclaims',
  'pods',
  'podtemplates',
  'resourcequotas',
  'services',
  'serviceaccounts',
]

function deletionAnswer(
  { storage, group, plural }: ResourceDefinition,
  { object, isGone }: DeleteResult,
): object {
  if (!isGone || answersWithObject.includes(storage)) return object
  const { name, uid } = object.metadata
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(group !== '' && { group }), kind: plural, uid },
  }
}
