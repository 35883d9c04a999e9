// SPDX-License-Identifier: Apache-2.0
// PodCertificateRequests on the wire. API servers serve this kind where an administrator turned it on.
import type { Resource } from '../../kube/resources.ts'
import type {
  Node,
  Pod,
  PodCertificateProjection,
  ServiceAccount,
  StoredMeta,
} from '../../kube/types.gen.ts'

interface Condition {
  readonly type: string
  readonly reason?: string
  readonly message?: string
}

/** One request, as far as a node reads it. */
export interface PodCertificateRequest {
  readonly metadata: StoredMeta
  readonly spec: object
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly certificateChain?: string
    readonly beginRefreshAt?: string
    readonly notAfter?: string
  }
}

export const podCertificateRequests: Resource<PodCertificateRequest> = {
  apiVersion: 'certificates.k8s.io/v1beta1',
  kind: 'PodCertificateRequest',
  plural: 'podcertificaterequests',
  isNamespaced: true,
}

/** What a request is made from. */
export interface RequestParts {
  readonly projection: PodCertificateProjection
  readonly account: ServiceAccount
  readonly node: Node
  /** A PKCS #10 request, which proves that the node has the key. */
  readonly request: Buffer
}

/** A request to be created, which goes with its pod. */
export function newRequest(
  { metadata: { namespace, name, uid } }: Pod,
  { projection, account, node, request }: RequestParts,
): Pick<PodCertificateRequest, 'spec'> & { readonly metadata: object } {
  const { signerName, maxExpirationSeconds, userAnnotations } = projection
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }]
  return {
    metadata: { namespace, generateName: 'req-', ownerReferences },
    spec: {
      signerName,
      podName: name,
      podUID: uid,
      serviceAccountName: account.metadata.name,
      serviceAccountUID: account.metadata.uid,
      nodeName: node.metadata.name,
      nodeUID: node.metadata.uid,
      ...(maxExpirationSeconds !== undefined && { maxExpirationSeconds }),
      stubPKCS10Request: request.toString('base64'),
      ...(userAnnotations && { unverifiedUserAnnotations: userAnnotations }),
    },
  }
}

/** What the signer has said; one of the three is final. */
export interface SignerVerdict {
  readonly type: 'Issued' | 'Denied' | 'Failed'
  readonly reason: string
  readonly message: string
}

/** Undefined: nothing yet. */
export function verdictOf({ status }: PodCertificateRequest): SignerVerdict | undefined {
  for (const { type, reason = '', message = '' } of status?.conditions ?? []) {
    if (type === 'Issued' || type === 'Denied' || type === 'Failed')
      return { type, reason, message }
  }
  return undefined
}

const block = /-----BEGIN [A-Z ]+-----([\s\S]*?)-----END [A-Z ]+-----/g

/** Nothing but certificates, one after the other: what stands between and beside them is left out. */
export function certificateChain(pem: string): string {
  const certificates = [...pem.matchAll(block)].map(([, body = '']) => {
    const base64 = body.replaceAll(/^.*:.*$/gm, '').replaceAll(/[^A-Za-z0-9+/=]/g, '')
    const lines = base64.match(/.{1,64}/g) ?? []
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
  })
  return certificates.join('')
}
