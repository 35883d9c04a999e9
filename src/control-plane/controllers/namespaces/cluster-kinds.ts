// SPDX-License-Identifier: Apache-2.0
// The kinds that the cluster's own controllers read and write, beyond those of kube/resources.ts.
import type { Resource } from '../../../kube/resources.ts'
import type {
  CertificateSigningRequest,
  Endpoints,
  Namespace,
  PodDisruptionBudget,
} from '../../../kube/types.gen.ts'
import type { EndpointSlice } from '../endpoints/endpoint-slice.ts'

export const namespaces: Resource<Namespace> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  isNamespaced: false,
}
export const endpoints: Resource<Endpoints> = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  isNamespaced: true,
}
export const endpointSlices: Resource<EndpointSlice> = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  isNamespaced: true,
}
export const podDisruptionBudgets: Resource<PodDisruptionBudget> = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  isNamespaced: true,
}
export const certificateSigningRequests: Resource<CertificateSigningRequest> = {
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  isNamespaced: false,
}
