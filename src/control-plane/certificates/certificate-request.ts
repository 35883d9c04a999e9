// SPDX-License-Identifier: Apache-2.0
// What a CertificateSigningRequest asks for, and whether a signer of the API may grant it. The rules
// and sentences are those of the built-in signers; a controller writes the sentence into the request's
// Failed condition.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import type { KeyUsage } from './signer-names.ts'
import { signerNames } from './signer-names.ts'

const subjectAlternativeName = '2.5.29.17'

/** A parsed PKCS #10 request. */
export interface CertificateRequest {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly alternativeNames: readonly x509.JsonGeneralName[]
  /** The request itself, for its subject and public key. */
  readonly pkcs10: x509.Pkcs10CertificateRequest
}

/** Reads PEM; undefined when that is no certificate request. The signature is not checked here. */
export function parseCertificateRequest(pem: string): CertificateRequest | undefined {
  const block = /-----BEGIN CERTIFICATE REQUEST-----[^-]+-----END CERTIFICATE REQUEST-----/.exec(
    pem,
  )
  if (!block) return undefined
  try {
    const pkcs10 = new x509.Pkcs10CertificateRequest(block[0])
    const names = pkcs10.getExtension(subjectAlternativeName)
    return {
      commonName: pkcs10.subjectName.getField('CN').at(-1) ?? '',
      organizations: pkcs10.subjectName.getField('O'),
      alternativeNames: names
        ? new x509.SubjectAlternativeNameExtension(names.rawData).names.toJSON()
        : [],
      pkcs10,
    }
  } catch {
    // Whatever the decoder stumbled over: it is no request.
    return undefined
  }
}

/** Why the signer must not sign, or undefined when it may. */
export function signingFault(
  request: CertificateRequest,
  { signerName, usages }: { readonly signerName: string; readonly usages: readonly string[] },
): string | undefined {
  switch (signerName) {
    case signerNames.kubeletClient:
      return kubeletClientFault(request, usages)
    case signerNames.kubeletServing:
      return kubeletServingFault(request, usages)
    case signerNames.client:
      return clientFault(usages)
    default:
      return `unrecognized signerName: ${JSON.stringify(signerName)}`
  }
}

function kubeletClientFault(
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isNodesOnly(request)) return 'subject organization is not system:nodes'
  for (const [type, name] of refusedNames) {
    if (hasName(request, type)) return `${name} subjectAltNames are not allowed`
  }
  if (!isNodeName(request)) return 'subject common name does not begin with system:node:'
  return usagesFault(usages, 'client auth')
}

const refusedNames = [
  ['dns', 'DNS'],
  ['email', 'Email'],
  ['ip', 'IP'],
  ['url', 'URI'],
] as const

function kubeletServingFault(
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isNodesOnly(request)) return 'subject organization is not system:nodes'
  if (!hasName(request, 'dns') && !hasName(request, 'ip')) {
    return 'DNS or IP subjectAltName is required'
  }
  if (hasName(request, 'email')) return 'Email subjectAltNames are not allowed'
  if (hasName(request, 'url')) return 'URI subjectAltNames are not allowed'
  const fault = usagesFault(usages, 'server auth')
  if (fault !== undefined) return fault
  return isNodeName(request) ? undefined : 'subject common name does not begin with system:node:'
}

function clientFault(usages: readonly string[]): string | undefined {
  const allowed = ['digital signature', 'key encipherment', 'client auth']
  const refused = usages.find((usage) => !allowed.includes(usage))
  if (refused !== undefined) return `invalid usage for client certificate: ${refused}`
  if (usages.includes('client auth')) return undefined
  return 'missing required usage for client certificate: client auth'
}

/** Exactly this usage and digital signature; key encipherment, which RSA keys need, may be there. */
function usagesFault(usages: readonly string[], main: KeyUsage): string | undefined {
  const wanted: readonly string[] = [main, 'digital signature', 'key encipherment'].sort()
  const given = new Set(usages)
  const isMatch =
    given.has(main) &&
    given.has('digital signature') &&
    [...given].every((usage) => wanted.includes(usage))
  return isMatch ? undefined : `usages did not match [${wanted.join(' ')}]`
}

function isNodesOnly({ organizations }: CertificateRequest): boolean {
  return organizations.length === 1 && organizations[0] === 'system:nodes'
}

function isNodeName({ commonName }: CertificateRequest): boolean {
  return commonName.startsWith('system:node:')
}

function hasName({ alternativeNames }: CertificateRequest, type: x509.GeneralNameType): boolean {
  return alternativeNames.some((name) => name.type === type)
}
