// SPDX-License-Identifier: Apache-2.0
// Kubeconfigs for the embedded control plane: whoever holds one is the user that its certificate names.
import { stringify } from 'yaml'

export interface KubeconfigParts {
  /** Name of the cluster and context. */
  readonly name: string
  /** Such as https://127.0.0.1:6443. */
  readonly server: string
  readonly user: string
  /** PEM. */
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** The text of a kubeconfig file. It holds a private key: keep it readable to its owner only. */
export function kubeconfigText(parts: KubeconfigParts): string {
  const { name, server, user, ca, certificate, key } = parts
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': base64(certificate),
          'client-key-data': base64(key),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user } }],
    'current-context': name,
  })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
