// SPDX-License-Identifier: Apache-2.0
// Acting as somebody else (`kubectl --as`): who the headers ask for, and whether the caller may be that.
// Modes are tried from the narrow to the broad. The constrained ones ask two things, whether the caller
// may be this user, and whether it may do this very request as such a user; the last, old one asks only
// the first. The refusal told is that of the first mode that applied.
import { badRequest, StatusError } from '../objects/api-status.ts'
import { asAuthenticated } from './authenticator.ts'
import type { Authorizer, RequestAttributes } from './authorizer.ts'
import { forbiddenBy, requireAllowed, resourceAttributes } from './authorizer.ts'
import { parseServiceAccountUserName, serviceAccountGroups } from './service-account-user.ts'
import type { User } from './user.ts'

const extraPrefix = 'impersonate-extra-'
const nodePattern = /^system:node:([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/
const authenticationGroup = 'authentication.k8s.io'

/** Headers with lower-case names and all their values, as `IncomingMessage.headersDistinct` has them. */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>

export interface ImpersonationContext {
  readonly authorizer: Authorizer
  /** What is asked for. */
  readonly attributes: RequestAttributes
}

/**
 * The user to act as: the caller unless the headers name another. Throws StatusError 400 for headers
 * that name nobody, 403 when the caller may not.
 */
export function impersonatedUser(
  caller: User,
  headers: DistinctHeaders,
  context: ImpersonationContext,
): User {
  const wanted = wantedUser(headers)
  if (!wanted) return caller
  let first: StatusError | undefined
  for (const mode of modesFor(caller, wanted, context)) {
    try {
      const user = actAs({ caller, wanted, mode }, context)
      remember(caller, mode, context)
      return user
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      first ??= error
    }
  }
  throw first ?? new Error('Cannot impersonate a user: no mode applies')
}

type Mode = 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info' | 'legacy'

interface Attempt {
  readonly caller: User
  readonly wanted: User
  readonly mode: Mode
}

function wantedUser(headers: DistinctHeaders): User | undefined {
  const name = headers['impersonate-user']?.[0] ?? ''
  const uid = headers['impersonate-uid']?.[0] ?? ''
  const groups = headers['impersonate-group'] ?? []
  const extras = new Map<string, readonly string[]>()
  for (const [header, values = []] of Object.entries(headers)) {
    if (!header.startsWith(extraPrefix)) continue
    const key = decoded(header.slice(extraPrefix.length))
    extras.set(key, [...(extras.get(key) ?? []), ...values])
  }
  const hasExtra = extras.size > 0
  const extra = Object.fromEntries(extras)
  if (name === '') {
    if (uid === '' && groups.length === 0 && !hasExtra) return undefined
    throw badRequest(
      `requested ${goUser({ groups, uid, extra })} without impersonating a user name`,
    )
  }
  return { name, groups, ...(uid !== '' && { uid }), ...(hasExtra && { extra }) }
}

/** The mode that has served a caller is asked first the next time, and its refusal is then the one told. */
const lastModes = new WeakMap<Authorizer, Map<string, Mode>>()
const maxRemembered = 1000

function remember(caller: User, mode: Mode, { authorizer }: ImpersonationContext): void {
  const modes = lastModes.get(authorizer) ?? new Map<string, Mode>()
  if (modes.size >= maxRemembered) modes.clear()
  lastModes.set(authorizer, modes.set(caller.name, mode))
}

function modesFor(
  caller: User,
  wanted: User,
  { authorizer }: ImpersonationContext,
): readonly Mode[] {
  const modes = applicableModes(caller, wanted)
  const last = lastModes.get(authorizer)?.get(caller.name)
  if (last === undefined || !modes.includes(last)) return modes
  return [last, ...modes.filter((mode) => mode !== last)]
}

function applicableModes(caller: User, wanted: User): readonly Mode[] {
  const isNameOnly = wanted.groups.length === 0 && wanted.uid === undefined && !wanted.extra
  const node = nodePattern.exec(wanted.name)?.[1]
  if (node !== undefined) {
    const isOwn = caller.extra?.['authentication.kubernetes.io/node-name']?.[0] === node
    const isAssociated = isOwn && parseServiceAccountUserName(caller.name) !== undefined
    if (!isNameOnly) return ['legacy']
    return isAssociated
      ? ['associated-node', 'arbitrary-node', 'legacy']
      : ['arbitrary-node', 'legacy']
  }
  if (parseServiceAccountUserName(wanted.name)) {
    return isNameOnly ? ['serviceaccount', 'legacy'] : ['legacy']
  }
  return ['user-info', 'legacy']
}

/** Throws unless the caller may act so; returns the user completed as authentication would. */
function actAs({ caller, wanted, mode }: Attempt, context: ImpersonationContext): User {
  const { attributes, authorizer } = context
  const isConstrained = mode !== 'legacy'
  if (isConstrained) {
    const verb = `impersonate-on:${mode}:${attributes.verb}`
    requireAllowed(authorizer, caller, { ...attributes, verb })
    refuseMasters({ caller, wanted, mode })
  }
  for (const part of partsOf(wanted, mode)) requireAllowed(authorizer, caller, part)
  const account = parseServiceAccountUserName(wanted.name)
  if (account && wanted.groups.length === 0) {
    return asAuthenticated({ ...wanted, groups: serviceAccountGroups(account.namespace) })
  }
  if (isConstrained && nodePattern.test(wanted.name)) {
    return asAuthenticated({ ...wanted, groups: ['system:nodes'] })
  }
  if (wanted.name !== 'system:anonymous') return asAuthenticated(wanted)
  return wanted.groups.includes('system:unauthenticated')
    ? wanted
    : { ...wanted, groups: [...wanted.groups, 'system:unauthenticated'] }
}

function verbOf(mode: Mode): string {
  return mode === 'legacy' ? 'impersonate' : `impersonate:${mode}`
}

/** What has to be allowed one by one: the name, the uid, each group and each value of extra. */
function partsOf(wanted: User, mode: Mode): readonly RequestAttributes[] {
  const verb = verbOf(mode)
  const group = mode === 'legacy' ? '' : authenticationGroup
  const { extra = {}, groups, uid } = wanted
  const base = { verb, group: authenticationGroup }
  return [
    userPart(wanted.name, { verb, group, isConstrained: mode !== 'legacy' }),
    ...(uid === undefined ? [] : [resourceAttributes({ ...base, resource: 'uids', name: uid })]),
    ...groups.map((name) => resourceAttributes({ verb, group, resource: 'groups', name })),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map((name) =>
        resourceAttributes({ ...base, resource: 'userextras', subresource, name }),
      ),
    ),
  ]
}

function userPart(
  userName: string,
  options: { readonly verb: string; readonly group: string; readonly isConstrained: boolean },
): RequestAttributes {
  const { group, isConstrained, verb } = options
  const account = parseServiceAccountUserName(userName)
  if (account) {
    const { name, namespace } = account
    return resourceAttributes({ verb, group, resource: 'serviceaccounts', namespace, name })
  }
  const node = isConstrained ? nodePattern.exec(userName)?.[1] : undefined
  if (node !== undefined) return resourceAttributes({ verb, group, resource: 'nodes', name: node })
  return resourceAttributes({ verb, group, resource: 'users', name: userName })
}

function refuseMasters({ caller, wanted, mode }: Attempt): void {
  if (!wanted.groups.includes('system:masters')) return
  const part = { verb: verbOf(mode), group: authenticationGroup, resource: 'groups' }
  const attributes = resourceAttributes({ ...part, name: 'system:masters' })
  const why = 'impersonating the system:masters group is not allowed'
  throw forbiddenBy(caller, attributes, why)
}

/** The headers as the API shows them in its complaint. */
function goUser({
  extra,
  groups,
  uid,
}: {
  readonly groups: readonly string[]
  readonly uid: string
  readonly extra: Readonly<Record<string, readonly string[]>>
}): string {
  const list = (values: readonly string[]) =>
    values.length === 0
      ? '[]string(nil)'
      : `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}`
  const entries = Object.entries(extra).map(
    ([key, values]) => `${JSON.stringify(key)}:${list(values)}`,
  )
  const map = 'map[string][]string'
  const shown = entries.length === 0 ? `${map}(nil)` : `${map}{${entries.sort().join(', ')}}`
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${list(groups)}, Extra:${shown}}`
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    // A stray percent sign stands for itself.
    return key
  }
}
