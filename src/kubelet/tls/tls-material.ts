// SPDX-License-Identifier: Apache-2.0
// All that a TLS listener of ours shows and trusts, as it is now: the serving certificate and the
// client CA bundle. Either may change while connections are open.
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import type { ClientCaBundle } from './client-ca-bundle.ts'

/** A certificate (with its chain) and its private key, as PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** The certificate we serve with. */
export interface ServingCertificate extends Disposable {
  current(): KeyPair
  /** Calls `changed` after `current` began to answer something new. */
  onChange(changed: () => void): Disposable
}

/** No handshake takes longer; it is ended then. */
export const maxHandshakeMs = 10_000

/** What a listener needs for its next handshakes. */
export interface TlsMaterial {
  current(): SecureContextOptions
  /** The listener calls it with each connection whose handshake is over. */
  noteHandshake(socket: TLSSocket): void
  onChange(changed: () => void): Disposable
}

/** Joins the certificate that we show with the authorities whose client certificates we accept. */
export function tlsMaterialOf(
  certificate: ServingCertificate,
  options: {
    readonly clientCa: ClientCaBundle | undefined
    readonly noteHandshake: (socket: TLSSocket) => void
  },
): TlsMaterial {
  const { clientCa, noteHandshake } = options
  return {
    noteHandshake,
    current: () => ({
      ...certificate.current(),
      // Never left out: OpenSSL would then trust the public web's authorities.
      ...(clientCa ? { ca: clientCa.pem(), allowPartialTrustChain: true } : { ca: [] }),
    }),
    onChange(changed) {
      const subscriptions = new DisposableStack()
      subscriptions.use(certificate.onChange(changed))
      if (clientCa) subscriptions.use(clientCa.onChange(changed))
      return subscriptions
    },
  }
}
