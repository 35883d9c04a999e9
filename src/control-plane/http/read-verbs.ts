// SPDX-License-Identifier: Apache-2.0
// GET: one object, a list, a watch. Nothing leaves before it is durable.
import { keyOf, shown } from '../api/api-core.ts'
import type { ApiCore } from '../api/api-core.ts'
import { listObjects } from '../api/list-objects.ts'
import type { ListSnapshots } from '../api/list-snapshots.ts'
import { objectFilter } from '../api/object-filter.ts'
import { watchObjects } from '../api/watch-objects.ts'
import type { WatchRequest } from '../api/watch-objects.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { badRequest, invalid, notFound } from '../objects/api-status.ts'
import { forbiddenField } from '../objects/field-error.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { ApiExchange } from './api-exchange.ts'
import { encoderFor } from './encode.ts'
import type { Encoder } from './encode.ts'
import { negotiate } from './negotiation.ts'
import { isTrue } from './request-info.ts'
import type { ResourceTarget } from './request-info.ts'

/** What the verbs on resources share. */
export interface VerbContext {
  readonly core: ApiCore
  readonly authorizer: Authorizer
  readonly snapshots: ListSnapshots
}

/** A request for a resource that exists. */
export interface ResourceRequest {
  readonly exchange: ApiExchange
  readonly target: ResourceTarget
  readonly resource: ResourceDefinition
}

export async function getObject(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const encoder = encoderOf(exchange, resource, core)
  const stored = await core.store.read(() => {
    const found = core.store.get(keyOf({ ...target, resource }))
    if (!found) throw notFound(resource, target.name)
    return found
  })
  const isPlain = negotiate(exchange.header('accept')).as === 'object' && !resource.fromStorage
  exchange.sendLine(200, isPlain ? stored.json : encoder.object(shown(resource, stored)))
}

export async function listResource(
  { core, snapshots }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const { query } = exchange.info
  const encoder = encoderOf(exchange, resource, core)
  const filter = objectFilter(resource, target.namespace, query)
  const page = await core.store.read(() =>
    listObjects(core, { resource, filter }, { query, snapshots }),
  )
  await exchange.sendParts(200, encoder.list(page))
}

export async function watchResource(
  { core }: VerbContext,
  { exchange, target, resource }: ResourceRequest,
): Promise<void> {
  const encoder = encoderOf(exchange, resource, core)
  const request = watchRequest(exchange, { target, resource })
  exchange.start(200, 'application/json')
  await watchObjects(core, request, async (events) => {
    await exchange.write(Buffer.concat(events.map(encoder.event)))
  })
  exchange.response.end()
}

/** The encoder for what the client accepts. */
export function encoderOf(
  exchange: ApiExchange,
  resource: ResourceDefinition,
  { clock }: ApiCore,
): Encoder {
  return encoderFor(resource, {
    shape: negotiate(exchange.header('accept')),
    includeObject: exchange.info.query.get('includeObject') ?? '',
    nowMs: () => clock.nowMs(),
  })
}

// A server ends watches by itself now and then, not all at once.
const minTimeoutMs = 1_800_000

function watchRequest(
  { info: { query }, signal, response }: ApiExchange,
  { target, resource }: Pick<ResourceRequest, 'target' | 'resource'>,
): WatchRequest {
  const version = query.get('resourceVersion') ?? ''
  if (version !== '' && !/^\d+$/.test(version)) {
    throw badRequest(`strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`)
  }
  const sendInitialEvents = query.get('sendInitialEvents')
  checkInitialEvents(query)
  const seconds = Number(query.get('timeoutSeconds') ?? 0)
  return {
    resource,
    filter: objectFilter(resource, target.namespace, query),
    fromRevision: Number(version),
    sendInitialEvents: sendInitialEvents !== null && isTrue(sendInitialEvents),
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutMs: seconds > 0 ? seconds * 1000 : minTimeoutMs * (1 + Math.random()),
    signal,
    onLost: () => response.destroy(),
  }
}

const listOptions = { group: 'meta.k8s.io', kind: 'ListOptions' }

function checkInitialEvents(query: URLSearchParams): void {
  const match = query.get('resourceVersionMatch') ?? ''
  if (query.get('sendInitialEvents') === null) {
    if (match === '') return
    const why = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'
    throw invalid(listOptions, '', [forbiddenField('resourceVersionMatch', why)])
  }
  if (match !== 'NotOlderThan') {
    const why =
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, received: ' + match
    throw invalid(listOptions, '', [forbiddenField('resourceVersionMatch', why)])
  }
}
