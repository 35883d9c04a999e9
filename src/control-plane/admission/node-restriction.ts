// SPDX-License-Identifier: Apache-2.0
// What a node may write, as far as only the objects tell: its own Node, lease and pods, and nothing in
// them that would bring it more pods or more secrets. Other users are not concerned.
import type { CertificateSigningRequest, Node, Pod } from '../../kube/types.gen.ts'
import { nodeNameOf } from '../auth/node/node-identity.ts'
import { storedObject } from '../auth/stored-object.ts'
import { parseCertificateRequest } from '../certificates/certificate-request.ts'
import { signerNames } from '../certificates/signer-names.ts'
import { notFound } from '../objects/api-status.ts'
import { deepEqual } from '../objects/deep-equal.ts'
import type { AdmissionContext, AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { pemOf } from './certificates.ts'
import { forbid, targetOf } from './forbid.ts'
import { checkMirrorPod } from './mirror-pod.ts'
import { forbiddenLabelChanges } from './node-labels.ts'
import type { NodeRequest, NodeRestrictionOptions } from './node-request.ts'
import { checkNodeToken } from './node-token.ts'

export function nodeRestriction(options: NodeRestrictionOptions): AdmissionPlugin {
  const check = (request: AdmissionRequest, context: AdmissionContext) => {
    const node = nodeNameOf(request.user)
    if (node === undefined || request.operation === 'CONNECT') return
    if (node === '') {
      const user = JSON.stringify(request.user.name)
      throw forbid(request, `could not determine node from user ${user}`)
    }
    checks[request.resource.plural]?.({ ...options, node, request, context })
  }
  return {
    name: 'NodeRestriction',
    mutate(object, request, context) {
      check(request, context)
      return object
    },
    validate: check,
  }
}

const checks: Readonly<Record<string, (request: NodeRequest) => void>> = {
  pods: checkPods,
  nodes: checkNode,
  persistentvolumeclaims: checkClaim,
  serviceaccounts(request) {
    const isToken = targetOf(request.request) === 'serviceaccounts/token'
    if (isToken && request.request.operation === 'CREATE') checkNodeToken(request)
  },
  leases: checkLease,
  csinodes(request) {
    requireOwnName(request, 'can only access CSINode with the same name as the requesting node')
  },
  resourceslices: checkResourceSlice,
  certificatesigningrequests: checkCertificateRequest,
}

function checkPods(nodeRequest: NodeRequest): void {
  const { request } = nodeRequest
  switch (request.subresource) {
    case '':
      return checkPod(nodeRequest)
    case 'status':
      return checkPodStatus(nodeRequest)
    case 'eviction':
      return checkEviction(nodeRequest)
    default: {
      const name = JSON.stringify(request.subresource)
      const why = `unexpected pod subresource ${name}, only 'status' and 'eviction' are allowed`
      throw forbid(request, why)
    }
  }
}

function checkPod(nodeRequest: NodeRequest): void {
  const { node, request } = nodeRequest
  const { operation } = request
  if (operation === 'CREATE') return checkMirrorPod(nodeRequest)
  if (operation !== 'DELETE') {
    const why = `unexpected operation "${operation}", node ${JSON.stringify(node)} can only create and delete mirror pods`
    throw forbid(request, why)
  }
  const pod = request.old as unknown as Pod | undefined
  if (pod?.spec?.nodeName === node) return
  const why = `node ${JSON.stringify(node)} can only delete pods with spec.nodeName set to itself`
  throw forbid(request, why)
}

function checkPodStatus({ node, request }: NodeRequest): void {
  const name = JSON.stringify(node)
  if (request.operation !== 'UPDATE') {
    throw forbid(request, `unexpected operation "${request.operation}"`)
  }
  const old = request.old as unknown as Pod | undefined
  const next = request.object as unknown as Pod | undefined
  if (old?.spec?.nodeName !== node) {
    const why = `node ${name} can only update pod status for pods with spec.nodeName set to itself`
    throw forbid(request, why)
  }
  if (!deepEqual(old.metadata.labels ?? {}, next?.metadata.labels ?? {})) {
    throw forbid(request, `node ${name} cannot update labels through pod status`)
  }
  const [before, after] = [old.status, next?.status]
  if (!deepEqual(before?.resourceClaimStatuses ?? [], after?.resourceClaimStatuses ?? [])) {
    throw forbid(request, `node ${name} cannot update resource claim statues`)
  }
  if (!deepEqual(before?.extendedResourceClaimStatus, after?.extendedResourceClaimStatus)) {
    throw forbid(request, `node ${name} cannot update extended resource claim status`)
  }
}

function checkEviction({ context, node, request }: NodeRequest): void {
  if (request.operation !== 'CREATE') {
    throw forbid(request, `unexpected operation ${request.operation}`)
  }
  const name = request.name === '' ? (request.object?.metadata.name ?? '') : request.name
  if (name === '') throw forbid(request, 'could not determine pod from request data')
  const pod = storedObject<Pod>(context.store, 'pods', { namespace: request.namespace, name })
  if (!pod) throw notFound({ group: '', plural: 'pods' }, name)
  if (pod.spec?.nodeName === node) return
  throw forbid(request, `node ${node} can only evict pods with spec.nodeName set to itself`)
}

function checkNode({ node, request }: NodeRequest): void {
  const quoted = JSON.stringify(node)
  const name = request.name === '' ? (request.object?.metadata.name ?? '') : request.name
  if (name !== node) {
    throw forbid(request, `node ${quoted} is not allowed to modify node ${JSON.stringify(name)}`)
  }
  const next = request.object as unknown as Partial<Node> | undefined
  if (!next) return
  const old = request.old as unknown as Partial<Node> | undefined
  const labels = forbiddenLabelChanges(next.metadata?.labels, old?.metadata?.labels)
  const source = next.spec?.configSource
  if (request.operation === 'CREATE') {
    if (source) {
      const why = `node ${quoted} is not allowed to create pods with a non-nil configSource`
      throw forbid(request, why)
    }
    if (labels.length === 0) return
    const why = `node ${quoted} is not allowed to set the following labels: ${labels.join(', ')}`
    throw forbid(request, why)
  }
  if (source && !deepEqual(source, old?.spec?.configSource)) {
    const why = `node ${quoted} is not allowed to update configSource to a new non-nil configSource`
    throw forbid(request, why)
  }
  if (!deepEqual(next.spec?.taints ?? [], old?.spec?.taints ?? [])) {
    throw forbid(request, `node ${quoted} is not allowed to modify taints`)
  }
  if (!deepEqual(next.metadata?.ownerReferences ?? [], old?.metadata?.ownerReferences ?? [])) {
    throw forbid(request, `node ${quoted} is not allowed to modify ownerReferences`)
  }
  if (labels.length > 0) {
    throw forbid(request, `is not allowed to modify labels: ${labels.join(', ')}`)
  }
}

/** Of a claim only sizes and conditions are the node's to report. */
function checkClaim({ node, request }: NodeRequest): void {
  if (request.subresource !== 'status') throw forbid(request, 'may only update PVC status')
  if (request.operation !== 'UPDATE') {
    throw forbid(request, `unexpected operation "${request.operation}"`)
  }
  const [old, next] = [request.old, request.object].map((object) => {
    const status = object?.['status'] as object | undefined
    const reported = {
      capacity: undefined,
      conditions: undefined,
      allocatedResources: undefined,
      allocatedResourceStatuses: undefined,
    }
    const metadata = { ...object?.metadata, resourceVersion: undefined, managedFields: undefined }
    return { ...object, metadata, status: { ...status, ...reported } }
  })
  if (deepEqual(old, next)) return
  const why = `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`
  throw forbid(request, why)
}

function checkLease(nodeRequest: NodeRequest): void {
  const { request } = nodeRequest
  if (request.namespace !== 'kube-node-lease') {
    throw forbid(request, 'can only access leases in the "kube-node-lease" system namespace')
  }
  const why = 'can only access node lease with the same name as the requesting node'
  requireOwnName(nodeRequest, why)
}

function requireOwnName({ node, request }: NodeRequest, why: string): void {
  const name = request.operation === 'CREATE' ? (request.object?.metadata.name ?? '') : request.name
  if (name !== node) throw forbid(request, why)
}

function checkResourceSlice({ node, request }: NodeRequest): void {
  const { object, old, operation } = request
  if (operation !== 'CREATE' && operation !== 'DELETE') return
  const spec = (operation === 'CREATE' ? object : old)?.['spec'] as
    | { readonly nodeName?: string }
    | undefined
  if (spec?.nodeName === node) return
  const verb = operation === 'CREATE' ? 'create' : 'delete'
  const why = `can only ${verb} ResourceSlice with the same NodeName as the requesting node`
  throw forbid(request, why)
}

function checkCertificateRequest({ node, request }: NodeRequest): void {
  if (request.operation !== 'CREATE' || request.subresource !== '') return
  const { spec } = request.object as unknown as CertificateSigningRequest
  const signers: readonly string[] = [signerNames.kubeletClient, signerNames.kubeletServing]
  if (!signers.includes(spec.signerName)) return
  const parsed = parseCertificateRequest(pemOf(spec))
  if (!parsed) {
    throw forbid(request, 'unable to parse csr: PEM block type must be CERTIFICATE REQUEST')
  }
  if (parsed.commonName !== `system:node:${node}`) {
    throw forbid(request, `can only create a node CSR with CN=system:node:${node}`)
  }
}
