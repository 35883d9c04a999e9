// SPDX-License-Identifier: Apache-2.0
// The kubeconfigs of the embedded control plane as a connection, without a file in between.
import { parse } from 'yaml'
import type { ClusterConnection } from '../../src/kube/cluster-connection.ts'
import { fixedCredentials } from '../../src/kube/credentials.ts'

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }]
  readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }]
}

/** The connection, and its PEM texts for clients that are not ours. */
export function connectionFromKubeconfigText(text: string): {
  readonly cluster: ClusterConnection
  readonly ca: string
  readonly cert: string
  readonly key: string
} {
  const { clusters, users } = parse(text) as Kubeconfig
  const { server = '', 'certificate-authority-data': authority = '' } = clusters[0].cluster
  const { 'client-certificate-data': certificate = '', 'client-key-data': secret = '' } =
    users[0].user
  const [ca, cert, key] = [decoded(authority), decoded(certificate), decoded(secret)]
  const cluster: ClusterConnection = {
    server,
    namespace: 'default',
    source: 'the embedded control plane',
    tls: { caPem: ca, isInsecure: false },
    headers: [],
    credentials: fixedCredentials({ certificate: { certificatePem: cert, keyPem: key } }),
  }
  return { cluster, ca, cert, key }
}

function decoded(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8')
}
