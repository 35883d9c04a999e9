// SPDX-License-Identifier: Apache-2.0
// Signs certificate requests that were approved, for the signers that this control plane serves.
import type { CertificateSigningRequest } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import { signerNames } from '../../certificates/signer-names.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { certificateSigningRequests } from '../namespaces/cluster-kinds.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { startCsrQueue } from './csr-queue.ts'

/** What the request's spec asks of its signer. */
export interface SigningTerms {
  readonly signerName: string
  readonly usages: readonly string[]
  readonly expirationSeconds?: number
}

export interface CsrSignerOptions {
  /**
   * Signs a request (PEM) and resolves with the certificate (PEM); rejects with a VkError of code
   * Invalid when the signer's rules forbid it, which is final.
   */
  readonly sign: (pem: string, terms: SigningTerms) => Promise<string>
}

const served: ReadonlySet<string> = new Set(Object.values(signerNames))

/** Starts the signer. */
export function startCsrSigner(
  context: ControllerContext,
  { sign }: CsrSignerOptions,
): AsyncDisposable {
  return startCsrQueue(context, 'csr-signer', async (csr) => {
    if (!isToBeSigned(csr)) return
    const { request, signerName, usages = [], expirationSeconds } = csr.spec
    const terms = {
      signerName,
      usages,
      ...(expirationSeconds !== undefined && { expirationSeconds }),
    }
    try {
      const pem = await sign(Buffer.from(request, 'base64').toString(), terms)
      const certificate = Buffer.from(pem).toString('base64')
      await writeStatus(context, csr, { ...csr.status, certificate })
    } catch (error) {
      if (!(error instanceof VkError) || error.code !== 'Invalid') throw error
      await fail(context, csr, error.message)
    }
  }).stack
}

function isToBeSigned({ spec, status }: CertificateSigningRequest): boolean {
  const isTrue = (wanted: string): boolean =>
    (status?.conditions ?? []).some(
      ({ type, status: value }) => type === wanted && value === 'True',
    )
  const isOpen = (status?.certificate ?? '') === '' && !isTrue('Denied') && !isTrue('Failed')
  return isOpen && isTrue('Approved') && served.has(spec.signerName)
}

async function fail(
  context: ControllerContext,
  csr: CertificateSigningRequest,
  message: string,
): Promise<void> {
  const time = wireTime(context.clock.nowMs())
  const condition = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  }
  const conditions = [...(csr.status?.conditions ?? []), condition]
  await writeStatus(context, csr, { ...csr.status, conditions })
}

async function writeStatus(
  { api }: ControllerContext,
  csr: CertificateSigningRequest,
  status: CertificateSigningRequest['status'],
): Promise<void> {
  await api.updateStatus(certificateSigningRequests, { ...csr, ...(status && { status }) })
}
