// SPDX-License-Identifier: Apache-2.0
// The kubeconfig of a node that has joined: where the API server is, and the file with the node's own
// certificate. The token that it joined with is not in it.
import { stringify } from 'yaml'
import type { ClusterConnection } from '../../kube/cluster-connection.ts'

/** The text of the file. */
export function nodeKubeconfig(connection: ClusterConnection, certificatePath: string): string {
  const { namespace, proxyUrl, server, tls } = connection
  const { caPem, isInsecure, serverName } = tls
  const name = 'default'
  const cluster = {
    server,
    ...(caPem !== undefined && {
      'certificate-authority-data': Buffer.from(caPem).toString('base64'),
    }),
    ...(serverName !== undefined && { 'tls-server-name': serverName }),
    ...(isInsecure && { 'insecure-skip-tls-verify': true }),
    ...(proxyUrl !== undefined && { 'proxy-url': proxyUrl }),
  }
  const user = { 'client-certificate': certificatePath, 'client-key': certificatePath }
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  })
}
