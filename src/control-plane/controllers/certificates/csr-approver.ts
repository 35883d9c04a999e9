// SPDX-License-Identifier: Apache-2.0
// Approves the certificate requests of this cluster's own nodes, so that a node can join and serve
// without a person typing `kubectl certificate approve`.
import { nodes } from '../../../kube/resources.ts'
import type { CertificateSigningRequest } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { User } from '../../auth/user.ts'
import { parseCertificateRequest } from '../../certificates/certificate-request.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { certificateSigningRequests } from '../namespaces/cluster-kinds.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { startCsrQueue } from './csr-queue.ts'
import { approvalMessages, decideApproval } from './decide-approval.ts'
import type { ApprovalRight } from './decide-approval.ts'

export interface CsrApproverOptions {
  /** Whether the user may create this subresource of CertificateSigningRequests. */
  readonly mayCreate: (user: User, right: ApprovalRight) => boolean | Promise<boolean>
  /** Whether the user may approve requests for nodes' serving certificates. */
  readonly mayApproveServing: (user: User) => boolean
}

/** Starts the approver. It writes through the subresource `approval`. */
export function startCsrApprover(
  context: ControllerContext,
  options: CsrApproverOptions,
): AsyncDisposable {
  const { api } = context
  const { queue, stack } = startCsrQueue(context, 'csr-approver', async (csr) => {
    const message = await approvalMessage(context, csr, options)
    if (message !== undefined) await approve(context, csr, message)
  })
  // A serving certificate waits until the node has said what its addresses are.
  stack.use(
    api.onChange(nodes, ({ current, previous }) => {
      if (deepEqual(current?.status?.addresses, previous?.status?.addresses)) return
      for (const { metadata, status } of api.list(certificateSigningRequests)) {
        if ((status?.conditions ?? []).length === 0) queue.add(metadata.name)
      }
    }),
  )
  return stack
}

async function approvalMessage(
  { api }: ControllerContext,
  csr: CertificateSigningRequest,
  { mayCreate, mayApproveServing }: CsrApproverOptions,
): Promise<string | undefined> {
  const request = parseCertificateRequest(Buffer.from(csr.spec.request, 'base64').toString())
  if (!request) return undefined
  const approval = decideApproval(csr, request, (name) => api.get(nodes, { name }))
  if (approval.kind === 'leave') return undefined
  if (approval.kind === 'approve') return approval.message
  if (approval.kind === 'approveOwn') {
    return mayApproveServing(userOf(csr)) ? approval.message : undefined
  }
  for (const right of approval.rights) {
    if (await mayCreate(userOf(csr), right)) return approvalMessages[right]
  }
  return undefined
}

function userOf({ spec }: CertificateSigningRequest): User {
  const { username = '', groups = [], uid, extra } = spec
  return { name: username, groups, ...(uid !== undefined && { uid }), ...(extra && { extra }) }
}

async function approve(
  { api, clock }: ControllerContext,
  { metadata, status }: CertificateSigningRequest,
  message: string,
): Promise<void> {
  const time = wireTime(clock.nowMs())
  const condition = {
    type: 'Approved',
    status: 'True',
    reason: 'AutoApproved',
    message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  }
  const conditions = [...(status?.conditions ?? []), condition]
  const { name, resourceVersion } = metadata
  const patch = { metadata: { resourceVersion }, status: { conditions } }
  await api.patch(certificateSigningRequests, { name }, patch, 'approval')
}
