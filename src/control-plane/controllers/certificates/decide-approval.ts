// SPDX-License-Identifier: Apache-2.0
// Which certificate requests may be granted without a person's word: those of nodes for a client
// certificate, where the requester has the right to ask, and those for a serving certificate that names
// nothing but the addresses of one node, where that node asks, or somebody who may approve it himself (who
// starts a node with an administrator's kubeconfig). All others wait for somebody.
import type { CertificateSigningRequest, Node } from '../../../kube/types.gen.ts'
import { signingFault } from '../../certificates/certificate-request.ts'
import type { CertificateRequest } from '../../certificates/certificate-request.ts'
import { signerNames } from '../../certificates/signer-names.ts'

/** A right to create one of these subresources of CertificateSigningRequests. */
export type ApprovalRight = 'selfnodeclient' | 'nodeclient'

export type Approval =
  /** Nobody here decides about this one. */
  | { readonly kind: 'leave' }
  /** Granted if the requester has one of these rights. */
  | { readonly kind: 'byRight'; readonly rights: readonly ApprovalRight[] }
  | { readonly kind: 'approve'; readonly message: string }
  /** Granted if the requester may approve requests for serving certificates. */
  | { readonly kind: 'approveOwn'; readonly message: string }

/** Messages of the condition, by right; literal, as the real approver writes them. */
export const approvalMessages: Readonly<Record<ApprovalRight, string>> = {
  selfnodeclient: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  nodeclient: 'Auto approving kubelet client certificate after SubjectAccessReview.',
}

const nodeUserPrefix = 'system:node:'

/** Judges a pending request; `nodeOf` finds the Node of a name. */
export function decideApproval(
  { spec, status }: CertificateSigningRequest,
  request: CertificateRequest,
  nodeOf: (name: string) => Node | undefined,
): Approval {
  const leave = { kind: 'leave' } as const
  const isDecided = (status?.conditions ?? []).some(({ type }) => type !== 'Failed')
  if (isDecided || (status?.certificate ?? '') !== '') return leave
  const { signerName, usages = [], username = '' } = spec
  if (signerName !== signerNames.kubeletClient && signerName !== signerNames.kubeletServing) {
    return leave
  }
  if (signingFault(request, { signerName, usages }) !== undefined) return leave
  const isSelf = username === request.commonName
  if (signerName === signerNames.kubeletClient) {
    return { kind: 'byRight', rights: isSelf ? ['selfnodeclient', 'nodeclient'] : ['nodeclient'] }
  }
  const name = request.commonName.slice(nodeUserPrefix.length)
  const node = nodeOf(name)
  if (!node || !isCovered(request, node)) return leave
  const message = `Auto approving kubelet serving certificate: it names only addresses of node ${JSON.stringify(name)}.`
  const isNode = isSelf && (spec.groups ?? []).includes('system:nodes')
  return { kind: isNode ? 'approve' : 'approveOwn', message }
}

function isCovered({ alternativeNames }: CertificateRequest, { status }: Node): boolean {
  const addresses = status?.addresses ?? []
  const ips = new Set(
    addresses.filter(({ type }) => type.endsWith('IP')).map(({ address }) => canonical(address)),
  )
  const names = new Set(
    addresses
      .filter(({ type }) => !type.endsWith('IP'))
      .map(({ address }) => address.toLowerCase()),
  )
  return alternativeNames.every(({ type, value }) =>
    type === 'ip' ? ips.has(canonical(value)) : type === 'dns' && names.has(value.toLowerCase()),
  )
}

// IPv6 has many spellings; the URL parser knows the one.
function canonical(ip: string): string {
  return ip.includes(':') ? (URL.parse(`http://[${ip}]`)?.hostname ?? ip) : ip
}
