// SPDX-License-Identifier: Apache-2.0
// The certificate of the node's HTTPS port, signed by the cluster for the addresses that the Node
// shows. Until somebody has approved the first request it is one of our own making, which works with
// API servers that do not verify nodes, and with nobody else.
import type { KubeClient } from '../../kube/kube-client.ts'
import type { NodeAddress } from '../../kube/types.gen.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import path from 'node:path'
import { SelfSignedCertificate } from '../tls/self-signed-certificate.ts'
import type { KeyPair, ServingCertificate } from '../tls/tls-material.ts'
import { CertificateRotation } from './certificate-rotation.ts'
import { CertificateStore } from './certificate-store.ts'
import { servingWish } from './certificate-wish.ts'

export interface ServingIdentityOptions {
  readonly nodeName: string
  /** The node's folder; the certificate lies in its `pki`. */
  readonly rootDir: string
  /** Of the certificate of our own making. */
  readonly ipAddresses: readonly string[]
  /** The node's own; not disposed of here. */
  readonly client: KubeClient
  /** Those of the Node object; empty while there is none. */
  readonly addresses: () => readonly NodeAddress[]
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  /** Chance, 0 to 1; for tests. */
  readonly random?: () => number
}

/** A serving certificate that follows the node's addresses. */
export class ServingIdentity implements ServingCertificate {
  readonly #rotation: CertificateRotation
  readonly #selfSigned: SelfSignedCertificate

  /** Begins to ask as soon as the Node has addresses; see `addressesChanged`. */
  static async open(options: ServingIdentityOptions): Promise<ServingIdentity> {
    const { addresses, client, log, nodeName, rootDir } = options
    const rotation = await CertificateRotation.open({
      ...options,
      name: 'serving',
      store: new CertificateStore(path.join(rootDir, 'pki'), 'kubelet-server'),
      wish: () => servingWish(nodeName, addresses()),
      client: () => client,
    })
    const selfSigned = await SelfSignedCertificate.open(options)
    if (!rotation.current()) {
      const why = 'nobody can verify it until the request of this node is approved'
      log.warn({ why }, 'The kubelet API serves with a self-signed certificate')
    }
    rotation.start()
    return new ServingIdentity(rotation, selfSigned)
  }

  private constructor(rotation: CertificateRotation, selfSigned: SelfSignedCertificate) {
    this.#rotation = rotation
    this.#selfSigned = selfSigned
  }

  current(): KeyPair {
    return this.#rotation.current() ?? this.#selfSigned.current()
  }

  /** Has the cluster signed it? */
  get isSigned(): boolean {
    return this.#rotation.current() !== undefined
  }

  /** To be called when `addresses` may answer something new. */
  addressesChanged(): void {
    this.#rotation.wake()
  }

  onChange(changed: () => void): Disposable {
    const subscriptions = new DisposableStack()
    subscriptions.use(this.#rotation.onChange(changed))
    subscriptions.use(this.#selfSigned.onChange(changed))
    return subscriptions
  }

  /** A request under way is broken off; the next start goes on with it. */
  [Symbol.dispose](): void {
    this.#selfSigned[Symbol.dispose]()
    this.#rotation[Symbol.asyncDispose]().catch(() => {
      // It ends by its own signal; there is nothing left to fail.
    })
  }
}
