// SPDX-License-Identifier: Apache-2.0
// What there is: /api, /apis, the resources of each group, and all of it at once in the aggregated form
// that current clients ask for. Made from the table of resources.
import { apiVersionOf, resourceDefinitions } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'

/** The answer for a discovery path, or undefined when it is none. */
export function discover(
  path: string,
  { server, accept }: DiscoveryRequest,
): Discovery | undefined {
  const [, prefix, group, version, more] = path.replace(/\/$/, '').split('/')
  if (more !== undefined) return undefined
  if (prefix === 'api') {
    if (group === undefined) return aggregatedOr(accept, [''], coreVersions(server))
    return group === 'v1' && version === undefined ? plain(resourceList('', 'v1')) : undefined
  }
  if (prefix !== 'apis') return undefined
  if (group === undefined) return aggregatedOr(accept, groupNames, groupList())
  if (!groupNames.includes(group)) return undefined
  if (version === undefined) return plain({ kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) })
  return versionsOf(group).includes(version) ? plain(resourceList(group, version)) : undefined
}

export interface DiscoveryRequest {
  /** HOST:PORT by which clients reach this server. */
  readonly server: string
  readonly accept: string
}

export interface Discovery {
  readonly contentType: string
  readonly body: object
}

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

function plain(body: object): Discovery {
  return { contentType: 'application/json', body }
}

function aggregatedOr(accept: string, groups: readonly string[], other: object): Discovery {
  const wants = accept
    .split(',')
    .some((entry) => /as=APIGroupDiscoveryList/.test(entry) && /v=v2(;|$)/.test(entry.trim()))
  if (!wants) return plain(other)
  const body = {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(aggregatedGroup),
  }
  return { contentType: aggregatedType, body }
}

const groupNames: readonly string[] = [
  ...new Set(resourceDefinitions.map(({ group }) => group).filter((group) => group !== '')),
]

function versionsOf(group: string): readonly string[] {
  return [
    ...new Set(resourceDefinitions.filter((one) => one.group === group).map((one) => one.version)),
  ]
}

function coreVersions(server: string): object {
  const addresses = [{ clientCIDR: '0.0.0.0/0', serverAddress: server }]
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: addresses }
}

function groupList(): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupNames.map(groupOf) }
}

function groupOf(group: string): object {
  const versions = versionsOf(group).map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }))
  return { name: group, versions, preferredVersion: versions[0] }
}

function resourceList(group: string, version: string): object {
  const resources = resourceDefinitions
    .filter((one) => one.group === group && one.version === version)
    .flatMap(namedResources)
  const groupVersion = group === '' ? version : `${group}/${version}`
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources }
}

function namedResources(resource: ResourceDefinition): object[] {
  const { plural, singular, isNamespaced, kind, verbs, shortNames, categories } = resource
  const own = {
    name: plural,
    singularName: singular,
    namespaced: isNamespaced,
    kind,
    verbs,
    ...(shortNames && { shortNames }),
    ...(categories && { categories }),
  }
  const parts = resource.subresources.map((part) => ({
    name: `${plural}/${part.name}`,
    singularName: '',
    namespaced: isNamespaced,
    ...(part.group !== undefined && { group: part.group, version: part.version ?? 'v1' }),
    kind: part.kind,
    verbs: part.verbs,
  }))
  return [own, ...parts]
}

function aggregatedGroup(group: string): object {
  return {
    metadata: { ...(group !== '' && { name: group }), creationTimestamp: null },
    versions: versionsOf(group).map((version) => ({
      version,
      freshness: 'Current',
      resources: resourceDefinitions
        .filter((one) => one.group === group && one.version === version)
        .map(aggregatedResource),
    })),
  }
}

function aggregatedResource(resource: ResourceDefinition): object {
  const { group, version, kind, plural, singular, isNamespaced, verbs } = resource
  const { shortNames, categories, subresources } = resource
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: isNamespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames && { shortNames }),
    ...(categories && { categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map((part) => ({
        subresource: part.name,
        responseKind: {
          group: part.group ?? group,
          version: part.version ?? version,
          kind: part.kind,
        },
        verbs: part.verbs,
      })),
    }),
  }
}

/** `v1` and `apps/v1` and so on, each once. */
export const groupVersions: readonly string[] = [...new Set(resourceDefinitions.map(apiVersionOf))]
