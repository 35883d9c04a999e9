// SPDX-License-Identifier: Apache-2.0
// serviceaccounts/token: checks a TokenRequest and answers it with a token. A projected volume's token
// for this API server, known by its odd lifetime, is made to last a year, so that programs that never
// read their token again go on working; kubelets renew it all the same.
import type {
  Node,
  ObjectMeta,
  Pod,
  Secret,
  ServiceAccount,
  TokenRequest,
} from '../../kube/types.gen.ts'
import { badRequest, conflict, invalid, notFound } from '../objects/api-status.ts'
import type { FieldError } from '../objects/field-error.ts'
import { invalidValue } from '../objects/field-error.ts'
import type { Store } from '../storage/store.ts'
import type { ServiceAccountName } from './service-account-user.ts'
import type { ServiceAccountTokens, TokenContent } from './service-account-token.ts'
import { storedObject } from './stored-object.ts'
import { wireTime } from '../../util/wire-time.ts'

const projectedSeconds = 3607
const extendedSeconds = 365 * 24 * 60 * 60
const minSeconds = 600
const maxSeconds = 2 ** 32
const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' }

export interface TokenRequestContext {
  readonly store: Store
  readonly nowMs: number
  readonly tokens: ServiceAccountTokens
  /** Audiences of this API server: the default. */
  readonly audiences: readonly string[]
}

/** The request with its defaults; call before admission sees it. Throws StatusError 422 when it is wrong. */
export function completeTokenRequest(
  request: TokenRequest,
  account: ServiceAccountName,
  { audiences, nowMs, store }: TokenRequestContext,
): TokenRequest {
  const { spec } = request
  const metadata: ObjectMeta = request.metadata ?? {}
  const { name, namespace } = account
  checkName(metadata, account)
  const found = storedObject<ServiceAccount>(store, 'serviceaccounts', account)
  if (!found) throw notFound({ group: '', plural: 'serviceaccounts' }, name)
  if (metadata.uid !== undefined && metadata.uid !== found.metadata.uid) {
    const why = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${found.metadata.uid})`
    throw conflict({ group: kind.group, plural: kind.kind }, name, why)
  }
  const complete = {
    ...spec,
    audiences: spec?.audiences?.length ? spec.audiences : audiences,
    expirationSeconds: spec?.expirationSeconds ?? 3600,
  }
  const errors = validateExpiration(complete.expirationSeconds)
  if (errors.length > 0) throw invalid(kind, '', errors)
  const creationTimestamp = wireTime(nowMs)
  const uid = found.metadata.uid ?? ''
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { ...metadata, name, namespace, uid, creationTimestamp },
    spec: complete,
  }
}

/** Answers a completed request. Throws StatusError when what the token is to be bound to is not there. */
export function answerTokenRequest(
  request: TokenRequest,
  account: ServiceAccountName,
  context: TokenRequestContext,
): TokenRequest {
  const { nowMs, tokens } = context
  const { audiences = [], expirationSeconds = 3600 } = request.spec
  const bound = boundObjects(request, account, context)
  const isExtended =
    bound.pod !== undefined &&
    expirationSeconds === projectedSeconds &&
    audiences.every((audience) => context.audiences.includes(audience))
  const lifetimeSeconds = isExtended ? extendedSeconds : expirationSeconds
  const token = tokens.issue({
    namespace: account.namespace,
    serviceAccount: { name: account.name, uid: request.metadata?.uid ?? '' },
    ...bound,
    audiences,
    nowMs,
    expiresMs: nowMs + lifetimeSeconds * 1000,
    ...(isExtended && { warnAfterMs: nowMs + expirationSeconds * 1000 }),
  })
  const expirationTimestamp = wireTime(nowMs + expirationSeconds * 1000)
  return { ...request, status: { token, expirationTimestamp } }
}

function checkName(
  metadata: { readonly name?: string; readonly namespace?: string },
  { name, namespace }: ServiceAccountName,
): void {
  const given = { name: metadata.name ?? '', namespace: metadata.namespace ?? '' }
  for (const [field, expected] of [
    ['name', name],
    ['namespace', namespace],
  ] as const) {
    if (given[field] === '' || given[field] === expected) continue
    const detail = `must match the service account ${field} if specified`
    throw invalid(kind, name, [invalidValue(`metadata.${field}`, given[field], detail)])
  }
}

function validateExpiration(seconds: number): readonly FieldError[] {
  const field = 'spec.expirationSeconds'
  if (seconds < minSeconds) {
    return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')]
  }
  if (seconds > maxSeconds) {
    return [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
  }
  return []
}

type Bound = Pick<TokenContent, 'pod' | 'node' | 'secret'>

function boundObjects(
  { spec }: TokenRequest,
  account: ServiceAccountName,
  { store }: TokenRequestContext,
): Bound {
  const reference = spec.boundObjectRef
  if (!reference) return {}
  const { apiVersion = '', kind: boundKind = '', name = '' } = reference
  const { namespace } = account
  const type = apiVersion === 'v1' ? boundKind : ''
  if (type === 'Pod') {
    const pod = existing<Pod>(store, 'pods', { namespace, name })
    if (pod.spec?.serviceAccountName !== account.name) {
      const why = `cannot bind token for serviceaccount ${JSON.stringify(account.name)} to pod running with different serviceaccount name.`
      throw badRequest(why)
    }
    return { pod: referenceTo(pod, reference), ...nodeOf(pod, store) }
  }
  if (type === 'Node') {
    return { node: referenceTo(existing<Node>(store, 'nodes', { namespace: '', name }), reference) }
  }
  if (type === 'Secret') {
    return {
      secret: referenceTo(existing<Secret>(store, 'secrets', { namespace, name }), reference),
    }
  }
  const [group = '', version = ''] = apiVersion.includes('/')
    ? apiVersion.split('/', 2)
    : ['', apiVersion]
  throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${boundKind}`)
}

/** The node is told even when it is gone: then only by name. */
function nodeOf(pod: Pod, store: Store): Bound {
  const name = pod.spec?.nodeName ?? ''
  if (name === '') return {}
  const node = storedObject<Node>(store, 'nodes', { namespace: '', name })
  return { node: { name, ...(node?.metadata.uid !== undefined && { uid: node.metadata.uid }) } }
}

function existing<T>(
  store: Store,
  plural: string,
  place: { readonly namespace: string; readonly name: string },
) {
  const found = storedObject<T>(store, plural, place)
  if (!found) throw notFound({ group: '', plural }, place.name)
  return found
}

function referenceTo(
  { metadata }: { readonly metadata: { readonly name?: string; readonly uid?: string } },
  wanted: { readonly uid?: string; readonly kind?: string },
): { readonly name: string; readonly uid: string } {
  const { name = '', uid = '' } = metadata
  if (wanted.uid === undefined || wanted.uid === '' || wanted.uid === uid) return { name, uid }
  const why = `the UID in the bound object reference (${wanted.uid}) does not match the UID in record. The object might have been deleted and then recreated`
  throw conflict({ group: '', plural: wanted.kind ?? '' }, name, why)
}
