// SPDX-License-Identifier: Apache-2.0
// Who a node is to the API server when it joins by itself: with the token of a bootstrap kubeconfig it
// asks for a client certificate, keeps that below its own folder, and is `system:node:<name>` from then
// on. The token is needed again only when the certificate has run out while nobody renewed it.
import { access } from 'node:fs/promises'
import type { ClusterConnection } from '../../kube/cluster-connection.ts'
import type { Credentials, Identity } from '../../kube/credentials.ts'
import { createKubeClient } from '../../kube/http-kube-client.ts'
import type { KubeClient } from '../../kube/kube-client.ts'
import { loadConnection } from '../../kube/kubeconfig.ts'
import { expiryOf } from '../../kube/pem.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { replaceFile } from '../../util/replace-file.ts'
import { messageOf } from '../../util/vk-error.ts'
import path from 'node:path'
import type { KeyPair } from '../tls/tls-material.ts'
import { CertificateRotation } from './certificate-rotation.ts'
import { CertificateStore } from './certificate-store.ts'
import { clientWish } from './certificate-wish.ts'
import { nodeKubeconfig } from './node-kubeconfig.ts'

export interface ClientIdentityOptions {
  readonly nodeName: string
  /** The node's folder; certificate and key lie in its `pki`. */
  readonly rootDir: string
  /** Read when it is there and good; else written once the node has its certificate. */
  readonly kubeconfig: string
  /** The connection with the token; rejects when there is none. */
  readonly bootstrap: () => Promise<ClusterConnection>
  /** False leaves the certificate to run out. */
  readonly isRotating: boolean
  readonly userAgent: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  /** Ends the wait for the first certificate. */
  readonly signal: AbortSignal
  /** Chance, 0 to 1; for tests. */
  readonly random?: () => number
}

/** A node's connection, whose certificate is renewed until this is disposed of. */
export class ClientIdentity implements AsyncDisposable {
  readonly connection: ClusterConnection
  readonly #resources: AsyncDisposableStack

  /** Resolves once the node has a certificate, however long it takes somebody to approve it. */
  static async open(options: ClientIdentityOptions): Promise<ClientIdentity> {
    const { isRotating, kubeconfig, signal } = options
    await using resources = new AsyncDisposableStack()
    const own = new OwnCertificate(options)
    const rotation = resources.use(await own.open())
    const existing = await usableConnection(options)
    if (existing && !rotation.current()) {
      // Somebody else gave the node its identity, and renews it.
      return new ClientIdentity(existing, resources.move())
    }
    const base = existing ?? (await options.bootstrap())
    const connection = own.connect(base)
    resources.defer(() => own.close())
    await rotation.first(signal)
    if (!existing) await replaceFile(kubeconfig, nodeKubeconfig(base, own.store.currentPath))
    if (isRotating) rotation.start()
    return new ClientIdentity(connection, resources.move())
  }

  private constructor(connection: ClusterConnection, resources: AsyncDisposableStack) {
    this.connection = connection
    this.#resources = resources
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]()
  }
}

/** The certificate that the node asks for, and with whose rights it asks. */
class OwnCertificate implements Credentials {
  readonly store: CertificateStore
  readonly #options: ClientIdentityOptions
  #identity: Identity = {}
  #expiryMs = 0
  #own: KubeClient | undefined
  #bootstrap: KubeClient | undefined

  constructor(options: ClientIdentityOptions) {
    this.#options = options
    this.store = new CertificateStore(path.join(options.rootDir, 'pki'), 'kubelet-client')
  }

  async open(): Promise<CertificateRotation> {
    const wish = clientWish(this.#options.nodeName)
    const rotation = await CertificateRotation.open({
      ...this.#options,
      name: 'client',
      store: this.store,
      wish: () => wish,
      client: () => this.#client(),
    })
    this.#present(rotation.current())
    rotation.onChange((pair) => this.#present(pair))
    return rotation
  }

  /** The same API server as the node itself; without headers, which may ask to act as others. */
  connect(base: ClusterConnection): ClusterConnection {
    const connection = { ...base, headers: [], credentials: this }
    this.#own = createKubeClient(connection, this.#options)
    return connection
  }

  identity(): Identity {
    return this.#identity
  }

  renew(refused: Identity): Promise<boolean> {
    return Promise.resolve(this.#identity !== refused)
  }

  async close(): Promise<void> {
    await Promise.all([this.#own?.[Symbol.asyncDispose](), this.#dropToken()])
  }

  async #client(): Promise<KubeClient> {
    if (this.#own && this.#expiryMs > this.#options.clock.nowMs()) return this.#own
    this.#bootstrap ??= createKubeClient(await this.#options.bootstrap(), this.#options)
    return this.#bootstrap
  }

  #present(pair: KeyPair | undefined): void {
    if (!pair) return
    this.#identity = { certificate: { certificatePem: pair.cert, keyPem: pair.key } }
    this.#expiryMs = expiryOf(pair.cert)
    void this.#dropToken()
  }

  async #dropToken(): Promise<void> {
    const client = this.#bootstrap
    this.#bootstrap = undefined
    await client?.[Symbol.asyncDispose]()
  }
}

/** The connection of the node's kubeconfig; undefined when it is not there or its certificate is past. */
async function usableConnection(
  options: ClientIdentityOptions,
): Promise<ClusterConnection | undefined> {
  const { clock, kubeconfig, log } = options
  if (!(await exists(kubeconfig))) return undefined
  try {
    const connection = await loadConnection({ kubeconfig, env: {}, log, clock })
    const { certificate } = await connection.credentials.identity()
    if (!certificate || expiryOf(certificate.certificatePem) > clock.nowMs()) return connection
    log.warn({ kubeconfig }, 'The client certificate has run out; the node joins anew')
  } catch (error) {
    log.warn({ kubeconfig, error: messageOf(error) }, 'Cannot use it; the node joins anew')
  }
  return undefined
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file)
    return true
  } catch {
    // Not there yet, or not for us: the node joins with its token.
    return false
  }
}
