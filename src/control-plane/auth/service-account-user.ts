// SPDX-License-Identifier: Apache-2.0
// Service accounts as users of the API.
import type { User } from './user.ts'

const prefix = 'system:serviceaccount:'

export interface ServiceAccountName {
  readonly namespace: string
  readonly name: string
}

/** `system:serviceaccount:<namespace>:<name>`. */
export function serviceAccountUserName({ namespace, name }: ServiceAccountName): string {
  return `${prefix}${namespace}:${name}`
}

/** The groups that every service account of a namespace is in. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
}

/** Whose name it is, or undefined when it is no service account's. */
export function parseServiceAccountUserName(userName: string): ServiceAccountName | undefined {
  if (!userName.startsWith(prefix)) return undefined
  const [namespace = '', name = '', more] = userName.slice(prefix.length).split(':')
  return namespace === '' || name === '' || more !== undefined ? undefined : { namespace, name }
}

/** A service account of this process, such as a controller's, as an authenticated user. */
export function serviceAccountUser(account: ServiceAccountName): User {
  return {
    name: serviceAccountUserName(account),
    groups: [...serviceAccountGroups(account.namespace), 'system:authenticated'],
  }
}
