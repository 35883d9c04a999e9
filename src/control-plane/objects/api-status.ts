// SPDX-License-Identifier: Apache-2.0
// Every refusal of the API, as the Status object that kubectl and client libraries understand. The
// sentences are those of k8s.io/apimachinery/pkg/api/errors, because clients and people match on them.
import type { Status, StatusCause, StatusDetails } from '../../kube/types.gen.ts'
import type { FieldError } from './field-error.ts'

/** Names a resource in messages: `pods`, or `deployments.apps`. */
export interface ResourceName {
  readonly group: string
  readonly plural: string
}

/** Names a kind in messages: `Pod`, or `Deployment.apps`. */
export interface KindName {
  readonly group: string
  readonly kind: string
}

/** Thrown anywhere below the HTTP server, which answers with `status`. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: Status & { readonly code: number; readonly message: string }

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason !== '' && { reason }),
      ...(details && { details }),
      code,
    }
  }

  get code(): number {
    return this.status.code
  }

  get reason(): string {
    return this.status.reason ?? ''
  }
}

export function qualifiedResource({ group, plural }: ResourceName): string {
  return group === '' ? plural : `${plural}.${group}`
}

export function qualifiedKind({ group, kind }: KindName): string {
  return group === '' ? kind : `${kind}.${group}`
}

export function notFound(resource: ResourceName, name: string): StatusError {
  const message = `${qualifiedResource(resource)} ${JSON.stringify(name)} not found`
  return new StatusError(404, 'NotFound', message, detailsOf(resource, name))
}

/** A path that nothing is served at. */
export function pathNotFound(
  why = 'the server could not find the requested resource',
): StatusError {
  return new StatusError(404, 'NotFound', why, {})
}

export function alreadyExists(resource: ResourceName, name: string): StatusError {
  const message = `${qualifiedResource(resource)} ${JSON.stringify(name)} already exists`
  return new StatusError(409, 'AlreadyExists', message, detailsOf(resource, name))
}

export function conflict(resource: ResourceName, name: string, why: string): StatusError {
  const what = `${qualifiedResource(resource)} ${JSON.stringify(name)}`
  const message = `Operation cannot be fulfilled on ${what}: ${why}`
  return new StatusError(409, 'Conflict', message, detailsOf(resource, name))
}

/** The conflict of an update whose resourceVersion is no longer the stored one. */
export function staleVersion(resource: ResourceName, name: string): StatusError {
  const why =
    'the object has been modified; please apply your changes to the latest version and try again'
  return conflict(resource, name, why)
}

export function invalid(kind: KindName, name: string, errors: readonly FieldError[]): StatusError {
  const causes: StatusCause[] = errors.map(({ type, field, message }) => ({
    reason: type,
    message,
    field,
  }))
  const sentences = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))]
  const [only = ''] = sentences
  const list = sentences.length === 1 ? only : `[${sentences.join(', ')}]`
  const message = `${qualifiedKind(kind)} ${JSON.stringify(name)} is invalid: ${list}`
  const details = { name, ...(kind.group !== '' && { group: kind.group }), kind: kind.kind, causes }
  return new StatusError(422, 'Invalid', message, details)
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized')
}

/** `why` follows `pods "x" is forbidden: `. */
export function forbidden(resource: ResourceName, name: string, why: string): StatusError {
  const what = qualifiedResource(resource)
  const message =
    name === ''
      ? `${what} is forbidden: ${why}`
      : `${what} ${JSON.stringify(name)} is forbidden: ${why}`
  return new StatusError(403, 'Forbidden', message, detailsOf(resource, name))
}

export function methodNotAllowed(
  resource: ResourceName,
  verb: string,
  details: StatusDetails = detailsOf(resource, ''),
): StatusError {
  const message = `${verb} is not supported on resources of kind ${JSON.stringify(qualifiedResource(resource))}`
  return new StatusError(405, 'MethodNotAllowed', message, details)
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`
  return new StatusError(406, 'NotAcceptable', message, {})
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`
  return new StatusError(415, 'UnsupportedMediaType', message)
}

/** A resourceVersion from before the history that is kept; the client lists again. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message)
}

export function requestTooLarge(message: string): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', message)
}

export function serviceUnavailable(message: string): StatusError {
  return new StatusError(503, 'ServiceUnavailable', message)
}

/** Storage did not take a write; as of an API server whose etcd has no space, without a reason. */
export function storageError(message: string): StatusError {
  return new StatusError(500, '', message)
}

export function internalError(message: string): StatusError {
  const details = { causes: [{ message }] }
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, details)
}

function detailsOf({ group, plural }: ResourceName, name: string): StatusDetails {
  return { ...(name !== '' && { name }), ...(group !== '' && { group }), kind: plural }
}
