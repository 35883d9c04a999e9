// SPDX-License-Identifier: Apache-2.0
// As whom the controllers of this process act, and what their descriptors of kinds mean here.
import type { Resource } from '../../kube/resources.ts'
import type { User } from '../auth/user.ts'
import { findResource } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'

/** The service account of a controller in kube-system. */
export function serviceAccountUser(controller: string): User {
  return {
    name: `system:serviceaccount:kube-system:${controller}`,
    groups: [
      'system:serviceaccounts',
      'system:serviceaccounts:kube-system',
      'system:authenticated',
    ],
  }
}

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
