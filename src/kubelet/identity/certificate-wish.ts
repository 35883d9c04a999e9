// SPDX-License-Identifier: Apache-2.0
// The certificates that a node asks the cluster for: its client certificate and the one that its
// HTTPS port shows, as the signers of Kubernetes want them. Subject, names and usages are all that a
// signer looks at, so they also make the request's name: asking twice finds the first request again.
import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { NodeAddress } from '../../kube/types.gen.ts'

/** What a certificate shall say. */
export interface CertificateWish {
  readonly signerName: string
  readonly usages: readonly string[]
  readonly commonName: string
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
}

/** The group of all nodes: the only organisation that the signers accept. */
export const nodesGroup = 'system:nodes'

/** The certificate by which the API server knows a node. */
export function clientWish(nodeName: string): CertificateWish {
  return {
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: ['digital signature', 'client auth'],
    commonName: `system:node:${nodeName}`,
    dnsNames: [],
    ipAddresses: [],
  }
}

/**
 * The certificate of the node's HTTPS port, for the addresses that the Node object shows. Undefined
 * while none of them is an IP address: nobody could verify it.
 */
export function servingWish(
  nodeName: string,
  addresses: readonly NodeAddress[],
): CertificateWish | undefined {
  const dnsNames = new Set<string>()
  const ipAddresses = new Set<string>()
  for (const { type, address } of addresses) {
    const isName = type === 'Hostname' || type.endsWith('DNS')
    if (isIP(address) !== 0 && !type.endsWith('DNS')) ipAddresses.add(address)
    else if (isName && address !== '') dnsNames.add(address)
  }
  if (ipAddresses.size === 0) return undefined
  return {
    signerName: 'kubernetes.io/kubelet-serving',
    usages: ['digital signature', 'server auth'],
    commonName: `system:node:${nodeName}`,
    dnsNames: [...dnsNames].sort(),
    ipAddresses: [...ipAddresses].sort(),
  }
}

/** Is the certificate (PEM) that of the wish's subject, with all its names? More names do no harm. */
export function fulfils(certificatePem: string, wish: CertificateWish): boolean {
  const certificate = new X509Certificate(certificatePem)
  return (
    certificate.subject.split('\n').includes(`CN=${wish.commonName}`) &&
    wish.dnsNames.every((name) => certificate.checkHost(name) !== undefined) &&
    wish.ipAddresses.every((address) => certificate.checkIP(address) !== undefined)
  )
}

/** The name of the request for this wish and this public key (DER). */
export function requestNameOf(wish: CertificateWish, publicKey: Buffer): string {
  const { signerName, usages, commonName, dnsNames, ipAddresses } = wish
  const content = [signerName, usages, commonName, dnsNames, ipAddresses]
  const hash = createHash('sha512-256').update(publicKey).update(JSON.stringify(content))
  return `node-csr-${hash.digest('base64url')}`
}
