// SPDX-License-Identifier: Apache-2.0
// From an authorized request to the code that answers it: resources by their verb, subresources that
// are more than a part of the object, and the few paths that are no resource.
import { methodNotAllowed, pathNotFound } from '../objects/api-status.ts'
import { findResource } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { ApiExchange } from './api-exchange.ts'
import { getObject, listResource, watchResource } from './read-verbs.ts'
import type { ResourceRequest, VerbContext } from './read-verbs.ts'
import type { ApiVerb, ResourceTarget } from './request-info.ts'
import {
  createResource,
  deleteCollection,
  deleteResource,
  patchResource,
  updateResource,
} from './write-verbs.ts'

/** Answers one verb on one resource. */
export type SpecialHandler = (context: VerbContext, request: ResourceRequest) => Promise<void>

const verbHandlers: Readonly<Record<ApiVerb, SpecialHandler>> = {
  get: getObject,
  list: listResource,
  watch: watchResource,
  create: createResource,
  update: updateResource,
  patch: patchResource,
  delete: deleteResource,
  deletecollection: deleteCollection,
}

/** An answer of its own for a resource or subresource, by `plural` or `plural/subresource`. */
export type SpecialHandlers = ReadonlyMap<string, SpecialHandler>

// As the real API server says it; kubectl prints it.
const endpointsWarning =
  'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'

/** Answers a request for a resource. Throws StatusError for what is not served. */
export async function routeResource(
  context: VerbContext & { readonly special: SpecialHandlers },
  exchange: ApiExchange,
  target: ResourceTarget,
): Promise<void> {
  const resource = findResource(target.group, target.version, target.plural)
  if (!resource) throw pathNotFound()
  checkPlace(resource, target)
  const verb = servedVerb(resource, target)
  if (resource.storage === 'endpoints') exchange.warn(endpointsWarning)
  const special = context.special.get(specialKey(resource, target))
  const handle = special ?? verbHandlers[verb]
  await handle(context, { exchange, target, resource })
}

function specialKey(
  { group, plural }: ResourceDefinition,
  { subresource }: ResourceTarget,
): string {
  const name = group === '' ? plural : `${plural}.${group}`
  return subresource === '' ? name : `${name}/${subresource}`
}

/** Namespaced objects are written and read in their namespace, the others outside of any. */
function checkPlace({ isNamespaced }: ResourceDefinition, target: ResourceTarget): void {
  if (!isNamespaced && target.namespace !== '') throw pathNotFound()
  const isCollection = target.name === ''
  if (isNamespaced && target.namespace === '' && !isCollection) throw pathNotFound()
}

/** Throws 405 for a verb that is not served there. */
function servedVerb(resource: ResourceDefinition, target: ResourceTarget): ApiVerb {
  const { subresource, verb, namespace } = target
  const verbs =
    subresource === ''
      ? resource.verbs
      : resource.subresources.find(({ name }) => name === subresource)?.verbs
  if (!verbs) throw pathNotFound()
  const isOverAll = resource.isNamespaced && namespace === ''
  const isOfObject = verb === 'update' || verb === 'patch'
  const isAllowed =
    verb !== '' &&
    verbs.includes(verb) &&
    !(isOverAll && (verb === 'create' || verb === 'deletecollection')) &&
    (isOfObject
      ? target.name !== ''
      : verb !== 'create' || subresource !== '' || target.name === '')
  if (!isAllowed) throw methodNotAllowed(resource, verb)
  return verb
}
