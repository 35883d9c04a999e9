// SPDX-License-Identifier: Apache-2.0
// Who may approve and sign which certificate requests, and what no request may ask for.
import type { CertificateSigningRequest } from '../../kube/types.gen.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { resourceAttributes } from '../auth/authorizer.ts'
import type { User } from '../auth/user.ts'
import { parseCertificateRequest } from '../certificates/certificate-request.ts'
import { signerNames } from '../certificates/signer-names.ts'
import { deepEqual } from '../objects/deep-equal.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { forbid, targetOf } from './forbid.ts'

const requests = 'certificatesigningrequests.certificates.k8s.io'

/** Approving and denying takes the verb `approve` on the signer. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    validate(request) {
      if (targetOf(request) !== `${requests}/approval` || request.operation !== 'UPDATE') return
      requireSigner(request, 'approve', authorizer)
    },
  }
}

/** Writing a certificate or a condition takes the verb `sign` on the signer. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    validate(request) {
      if (targetOf(request) !== `${requests}/status` || request.operation !== 'UPDATE') return
      const [old, next] = [request.old, request.object].map(
        (object) => (object as unknown as CertificateSigningRequest | undefined)?.status,
      )
      const isUntouched =
        old?.certificate === next?.certificate &&
        deepEqual(old?.conditions ?? [], next?.conditions ?? [])
      if (!isUntouched) requireSigner(request, 'sign', authorizer)
    },
  }
}

/** Nobody becomes an administrator by certificate. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate(request) {
    if (targetOf(request) !== requests || request.operation !== 'CREATE') return
    const { spec } = request.object as unknown as CertificateSigningRequest
    if (spec.signerName !== signerNames.client) return
    const parsed = parseCertificateRequest(pemOf(spec))
    if (!parsed) {
      throw forbid(request, 'failed to parse CSR: PEM block type must be CERTIFICATE REQUEST')
    }
    if (!parsed.organizations.includes('system:masters')) return
    const why = `use of ${signerNames.client} signer with system:masters group is not allowed`
    throw forbid(request, why)
  },
}

/** The PEM of a request's spec, which carries it as base64. */
export function pemOf({ request }: CertificateSigningRequest['spec']): string {
  return Buffer.from(request, 'base64').toString('latin1')
}

function requireSigner(
  request: AdmissionRequest,
  verb: 'approve' | 'sign',
  authorizer: Authorizer,
): void {
  const { spec } = request.old as unknown as CertificateSigningRequest
  const { signerName } = spec
  if (maySigner(request.user, { verb, signerName, authorizer })) return
  const why = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`
  throw forbid(request, why)
}

/** Whether the user has the verb on the signer, or on all signers of its domain. */
export function maySigner(
  user: User,
  {
    verb,
    signerName,
    authorizer,
  }: {
    readonly verb: 'approve' | 'sign'
    readonly signerName: string
    readonly authorizer: Authorizer
  },
): boolean {
  const [domain = ''] = signerName.split('/')
  return [signerName, `${domain}/*`].some((name) => {
    const what = { group: 'certificates.k8s.io', version: '*', resource: 'signers', name }
    return authorizer.authorize(user, resourceAttributes({ ...what, verb })).allowed
  })
}
