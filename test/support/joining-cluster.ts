// SPDX-License-Identifier: Apache-2.0
// The embedded control plane as nodes meet it that bring no certificate: bootstrap tokens, and requests
// that a person approves.
import type { ClusterConnection } from '../../src/kube/cluster-connection.ts'
import { fixedCredentials } from '../../src/kube/credentials.ts'
import type { KubeClient } from '../../src/kube/kube-client.ts'
import { certificateSigningRequests, secrets } from '../../src/kube/resources.ts'
import type { CertificateSigningRequest } from '../../src/kube/types.gen.ts'
import type { EmbeddedCluster } from './embedded-cluster.ts'
import { connectionFromKubeconfigText } from './kubeconfig-connection.ts'

const token = { id: 'abcdef', secret: '0123456789abcdef' }

/** A connection with a bootstrap token, whose requests are approved by themselves. */
export async function tokenConnection(cluster: EmbeddedCluster): Promise<ClusterConnection> {
  const data = {
    'token-id': token.id,
    'token-secret': token.secret,
    'usage-bootstrap-authentication': 'true',
  }
  await cluster.client.create(secrets, {
    metadata: { name: `bootstrap-token-${token.id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  })
  const { adminKubeconfig } = cluster.controlPlane
  const { cluster: connection } = connectionFromKubeconfigText(adminKubeconfig)
  const credentials = fixedCredentials({ token: `${token.id}.${token.secret}` })
  return { ...connection, credentials }
}

/** A connection of somebody who may ask for nodes' certificates but whom nobody trusts blindly. */
export async function strangerConnection(cluster: EmbeddedCluster): Promise<ClusterConnection> {
  const apiGroup = 'rbac.authorization.k8s.io'
  await cluster.request(`/apis/${apiGroup}/v1/clusterrolebindings`, {
    method: 'POST',
    body: {
      metadata: { name: 'joiner' },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'system:node-bootstrapper' },
      subjects: [{ apiGroup, kind: 'User', name: 'joiner' }],
    },
  })
  const text = await cluster.controlPlane.kubeconfigFor('joiner', [])
  return connectionFromKubeconfigText(text).cluster
}

/** The certificate requests once there are `count` of them. */
export async function requestsIn(
  client: KubeClient,
  count: number,
): Promise<readonly CertificateSigningRequest[]> {
  const { items, resourceVersion } = await client.list(certificateSigningRequests)
  if (items.length >= count) return items
  for await (const event of client.watch(certificateSigningRequests, { resourceVersion })) {
    if (event.type === 'ADDED') return await requestsIn(client, count)
  }
  return []
}

/** What `kubectl certificate approve` or `deny` does. */
export async function decide(
  cluster: EmbeddedCluster,
  csr: CertificateSigningRequest,
  type: 'Approved' | 'Denied',
): Promise<void> {
  const { name } = csr.metadata
  const condition = { type, status: 'True', reason: 'Test', message: 'as the test wants it' }
  const answer = await cluster.request(
    `/apis/certificates.k8s.io/v1/certificatesigningrequests/${name}/approval`,
    { method: 'PUT', body: { ...csr, status: { conditions: [condition] } } },
  )
  if (answer.status !== 200) throw new Error(`Cannot decide about "${name}": ${answer.text}`)
}
