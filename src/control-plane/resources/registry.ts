// SPDX-License-Identifier: Apache-2.0
// All resources that the control plane serves: the one table behind routing, discovery, OpenAPI and
// storage. Groups stand in the order of discovery, which decides whose `nodes` a bare name means.
import { appsGroup } from './groups/apps-group.ts'
import {
  authenticationGroup,
  authorizationGroup,
  certificatesGroup,
  rbacGroup,
} from './groups/access-groups.ts'
import { batchGroup } from './groups/batch-group.ts'
import { coreGroup } from './groups/core-group.ts'
import {
  coordinationGroup,
  discoveryGroup,
  eventsGroup,
  metricsGroup,
  nodeGroup,
  policyGroup,
  schedulingGroup,
} from './groups/other-groups.ts'
import type { ResourceDefinition } from './resource-definition.ts'

/** Every resource, by group in the order of discovery and by name within a group. */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  ...coreGroup,
  ...appsGroup,
  ...eventsGroup,
  ...authenticationGroup,
  ...authorizationGroup,
  ...batchGroup,
  ...certificatesGroup,
  ...policyGroup,
  ...rbacGroup,
  ...schedulingGroup,
  ...coordinationGroup,
  ...nodeGroup,
  ...discoveryGroup,
  ...metricsGroup,
]

const byPath = new Map(
  resourceDefinitions.map((one) => [pathKey(one.group, one.version, one.plural), one]),
)
const byKind = new Map(resourceDefinitions.map((one) => [`${apiVersionOf(one)} ${one.kind}`, one]))

/** The resource at `/apis/<group>/<version>/<plural>`; the core group is ''. */
export function findResource(
  group: string,
  version: string,
  plural: string,
): ResourceDefinition | undefined {
  return byPath.get(pathKey(group, version, plural))
}

/** The resource whose objects have this `apiVersion` and `kind`. */
export function resourceOfKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
  return byKind.get(`${apiVersion} ${kind}`)
}

/** `v1`, or `apps/v1`. */
export function apiVersionOf({
  group,
  version,
}: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`
}

function pathKey(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`
}
