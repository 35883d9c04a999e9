// SPDX-License-Identifier: Apache-2.0
// The kinds of the Kubernetes API that this program reads or writes, as typed descriptors: where an
// object lives in the API's paths, and what type it has on the wire.
import type {
  CertificateSigningRequest,
  ConfigMap,
  Event,
  Lease,
  Node,
  Pod,
  Secret,
  Service,
  ServiceAccount,
  SubjectAccessReview,
  TokenReview,
} from './types.gen.ts'

/** Where the objects of one kind live. `T` is their wire type. */
export interface Resource<T> {
  /** `v1` for the core group, else `group/version`. */
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly isNamespaced: boolean
  /** Carries `T` for the compiler; never set. */
  readonly wireType?: T
}

/** Names one object; `namespace` is left out for cluster-wide kinds. */
export interface ObjectName {
  readonly name: string
  readonly namespace?: string
}

function core<T>(kind: string, plural: string, isNamespaced = true): Resource<T> {
  return { apiVersion: 'v1', kind, plural, isNamespaced }
}

export const pods: Resource<Pod> = core('Pod', 'pods')
export const nodes: Resource<Node> = core('Node', 'nodes', false)
export const secrets: Resource<Secret> = core('Secret', 'secrets')
export const configMaps: Resource<ConfigMap> = core('ConfigMap', 'configmaps')
export const services: Resource<Service> = core('Service', 'services')
export const serviceAccounts: Resource<ServiceAccount> = core('ServiceAccount', 'serviceaccounts')
export const events: Resource<Event> = core('Event', 'events')
export const leases: Resource<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  isNamespaced: true,
}
export const tokenReviews: Resource<TokenReview> = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  isNamespaced: false,
}
export const subjectAccessReviews: Resource<SubjectAccessReview> = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  isNamespaced: false,
}

export const certificateSigningRequests: Resource<CertificateSigningRequest> = {
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  isNamespaced: false,
}

/** `/api/v1/namespaces/default/pods/web/status` and the like; each part is percent-encoded. */
export function pathOf(
  resource: Resource<unknown>,
  at: { readonly namespace?: string; readonly name?: string; readonly subresource?: string },
): string {
  const { apiVersion, isNamespaced, plural } = resource
  let path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  if (isNamespaced && at.namespace !== undefined) {
    path += `/namespaces/${encodeURIComponent(at.namespace)}`
  }
  path += `/${plural}`
  if (at.name !== undefined) path += `/${encodeURIComponent(at.name)}`
  if (at.subresource !== undefined) path += `/${at.subresource}`
  return path
}
