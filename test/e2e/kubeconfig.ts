// SPDX-License-Identifier: Apache-2.0
//
// Writes kubeconfig files with everything inside them, readable by their owner only.
import { writeFileSync } from 'node:fs'
import type { KeyPair } from './certificates.ts'

/** Where the API server is and how to trust it. */
export interface Endpoint {
  readonly server: string
  readonly authority: string
}

/** Who asks: with a client certificate, or with a bearer token. */
export type Credentials = KeyPair | { readonly token: string }

/** Writes a kubeconfig with one cluster, one user and one context. JSON is YAML. */
export function writeKubeconfig(path: string, endpoint: Endpoint, user: Credentials): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'e2e',
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e' } }],
    clusters: [
      {
        name: 'e2e',
        cluster: {
          server: endpoint.server,
          'certificate-authority-data': base64(endpoint.authority),
        },
      },
    ],
    users: [{ name: 'e2e', user: userEntry(user) }],
  }
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 })
}

function userEntry(user: Credentials) {
  if ('token' in user) return { token: user.token }
  return {
    'client-certificate-data': base64(user.certificate),
    'client-key-data': base64(user.key),
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
