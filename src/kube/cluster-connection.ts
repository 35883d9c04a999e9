// SPDX-License-Identifier: Apache-2.0
// Where a cluster's API is and how to reach it: what a kubeconfig, or the pod that we run in, says.
import type { Credentials } from './credentials.ts'

/** How to check the API server's certificate. */
export interface ServerTls {
  /** Authorities to trust, as PEM; left out, those that Node trusts. */
  readonly caPem?: string
  /** Name to expect in the certificate, when it is not the URL's host. */
  readonly serverName?: string
  readonly isInsecure: boolean
}

/** Everything needed to talk to one API server with one identity. */
export interface ClusterConnection {
  /** Base URL; may have a path. */
  readonly server: string
  /** The namespace that commands mean when they name none. */
  readonly namespace: string
  /** Where this comes from, for people: `kubeconfig "/x", context "y"`. */
  readonly source: string
  readonly tls: ServerTls
  /** An HTTP, HTTPS or SOCKS5 proxy on the way. */
  readonly proxyUrl?: string
  /** Headers of every request, such as those of impersonation; names in lower case, may repeat. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly credentials: Credentials
}
