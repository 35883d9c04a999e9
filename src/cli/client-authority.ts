// SPDX-License-Identifier: Apache-2.0
// Whose client certificates the API server itself believes: each cluster publishes it. Its own certificate
// towards nodes is of that authority on most clusters; a node that does not know it refuses `kubectl logs`.
// What such a caller may do is still asked of the cluster, call by call.
import type { KubeClient } from '../kube/kube-client.ts'
import { configMaps } from '../kube/resources.ts'

const published = { namespace: 'kube-system', name: 'extension-apiserver-authentication' }

/** The authority's certificates, PEM; undefined where there is none. Rejects when it may not be read. */
export async function readClientAuthority(
  client: Pick<KubeClient, 'get'>,
): Promise<string | undefined> {
  const { data } = await client.get(configMaps, published)
  const pem = data?.['client-ca-file']
  return pem?.includes('-----BEGIN CERTIFICATE-----') ? pem : undefined
}
