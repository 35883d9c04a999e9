// SPDX-License-Identifier: Apache-2.0
// How admission says no, and how plugins tell what a request is about.
import type { StatusCause } from '../../kube/types.gen.ts'
import { forbidden, qualifiedResource, StatusError } from '../objects/api-status.ts'
import type { AdmissionRequest } from './admission.ts'

/** The 403 for a request: `pods "web" is forbidden: <why>`. */
export function forbid(request: AdmissionRequest, why: string): StatusError {
  return forbidden(request.resource, objectName(request), why)
}

/** The same with a cause that programs can read. */
export function forbidBecause(
  request: AdmissionRequest,
  why: string,
  cause: StatusCause,
): StatusError {
  const { code, reason, status } = forbid(request, why)
  const causes = [...(status.details?.causes ?? []), cause]
  return new StatusError(code, reason, status.message, { ...status.details, causes })
}

/** `pods`, `pods/status`, `leases.coordination.k8s.io`: what the request's address names. */
export function targetOf({ resource, subresource }: AdmissionRequest): string {
  const name = qualifiedResource(resource)
  return subresource === '' ? name : `${name}/${subresource}`
}

/** The name as far as it is known: one that is to be generated shows as its beginning. */
function objectName({ name, object }: AdmissionRequest): string {
  const { generateName = '', name: own = '' } = object?.metadata ?? {}
  return [name, own, generateName].find((one) => one !== '') ?? 'Unknown'
}
