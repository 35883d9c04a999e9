// SPDX-License-Identifier: Apache-2.0
// What a client's descriptor of a kind means in this server.
import type { Resource } from '../../kube/resources.ts'
import { findResource } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'

/** The registry's line for a client's descriptor; a kind that is not served is a defect. */
export function definitionOf({
  apiVersion,
  plural,
}: Pick<Resource<unknown>, 'apiVersion' | 'plural'>): ResourceDefinition {
  const [group = '', version = ''] = apiVersion.includes('/')
    ? apiVersion.split('/')
    : ['', apiVersion]
  const found = findResource(group, version, plural)
  if (!found) throw new Error(`Cannot find ${plural} of ${apiVersion} in the registry`)
  return found
}
