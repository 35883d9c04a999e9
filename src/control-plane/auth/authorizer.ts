// SPDX-License-Identifier: Apache-2.0
// The contract of authorization: who may do what. Authorizers allow or have no opinion; a request that
// none allows is forbidden, with all their reasons.
import { forbidden, StatusError } from '../objects/api-status.ts'
import type { User } from './user.ts'

/** One condition of a selector that a list or watch is restricted to. */
export interface SelectorRequirement {
  readonly key: string
  readonly operator: '=' | '!=' | 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt'
  readonly values: readonly string[]
}

/** What somebody wants to do. */
export interface RequestAttributes {
  readonly verb: string
  /** Whether it is about a resource, and not about a path such as /healthz. */
  readonly isResource: boolean
  readonly path: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  /** Empty for all namespaces and cluster-wide resources. */
  readonly namespace: string
  /** Empty for all names. */
  readonly name: string
  readonly fieldSelector?: readonly SelectorRequirement[]
  readonly labelSelector?: readonly SelectorRequirement[]
}

export interface Decision {
  readonly allowed: boolean
  /** Why; may be empty. */
  readonly reason: string
}

export interface Authorizer {
  authorize(user: User, attributes: RequestAttributes): Decision
}

/** Attributes of a request about a resource; what is left out is empty. */
export function resourceAttributes(
  attributes: Partial<RequestAttributes> & { readonly verb: string; readonly resource: string },
): RequestAttributes {
  return { ...nothing, version: 'v1', ...attributes, isResource: true }
}

/** Attributes of a request about a path; the verb is the method in lower case. */
export function pathAttributes(verb: string, path: string): RequestAttributes {
  return { ...nothing, verb, path, isResource: false }
}

/** Allows what any of the authorizers allows. */
export function anyOf(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(user, attributes) {
      const reasons: string[] = []
      for (const authorizer of authorizers) {
        const { allowed, reason } = authorizer.authorize(user, attributes)
        if (allowed) return { allowed, reason }
        if (reason !== '') reasons.push(reason)
      }
      return { allowed: false, reason: reasons.join('\n') }
    },
  }
}

/** Members of system:masters may do everything. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ groups }) => ({ allowed: groups.includes('system:masters'), reason: '' }),
}

/** Throws the 403 of the API unless the user may do it. */
export function requireAllowed(
  authorizer: Authorizer,
  user: User,
  attributes: RequestAttributes,
): void {
  const { allowed, reason } = authorizer.authorize(user, attributes)
  if (!allowed) throw forbiddenBy(user, attributes, reason)
}

/** The 403 of somebody who may not. `reason` follows what was wanted, when there is one. */
export function forbiddenBy(
  user: User,
  attributes: RequestAttributes,
  reason: string,
): StatusError {
  const { group, isResource, name, resource } = attributes
  const wanted = escaped(wantedBy(user, attributes))
  const why = reason === '' ? wanted : `${wanted}: ${reason}`
  if (isResource) return forbidden({ group, plural: resource }, name, why)
  return new StatusError(403, 'Forbidden', `forbidden: ${why}`, {})
}

function wantedBy(user: User, attributes: RequestAttributes): string {
  const { group, isResource, namespace, path, resource, subresource, verb } = attributes
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`
  if (!isResource) return `${who} path ${JSON.stringify(path)}`
  const what = subresource === '' ? resource : `${resource}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`
}

/** Nothing in a refusal shall look like HTML to a browser. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

const nothing: Omit<RequestAttributes, 'verb' | 'isResource'> = {
  path: '',
  group: '',
  version: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
}
