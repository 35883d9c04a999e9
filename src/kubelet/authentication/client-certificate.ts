// SPDX-License-Identifier: Apache-2.0
// Callers with a client certificate. OpenSSL judges chain, purpose and validity in the handshake,
// against the client CA bundle of that moment. A connection may outlive that bundle, so each request
// is held against the present one: a certificate issued by one of its authorities stays good. Of a
// longer chain the middle is known only to OpenSSL, and such a connection has to be made anew.
import { createHash } from 'node:crypto'
import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { PeerCertificate } from 'node:tls'
import type { Clock } from '../../util/clock.ts'
import type { ClientCaBundle } from '../tls/client-ca-bundle.ts'
import { maxHandshakeMs } from '../tls/tls-material.ts'
import type { Authentication, Authenticator } from './authenticator.ts'

type Authorities = ClientCaBundle['authorities']

interface Judgement {
  /** The bundle that it was made with. */
  readonly authorities: Authorities
  readonly validFromMs: number
  readonly validUntilMs: number
  readonly result: Authentication
}

/** What OpenSSL certainly judged, and by which bundle. */
interface Handshake {
  readonly authorities: Authorities
  readonly fingerprint: string
}

/** So many certificates are remembered; the API server, which makes nearly all connections, has one. */
const maxRemembered = 100

/** Recognises client certificates of the present client CAs; without any it refuses them all. */
export class ClientCertificateAuthenticator implements Authenticator {
  readonly #bundle: ClientCaBundle | undefined
  readonly #clock: Clock
  readonly #handshakes = new WeakMap<TLSSocket, Handshake>()
  readonly #judgements = new WeakMap<TLSSocket, Judgement>()
  /** Of certificates that an authority itself has issued, by fingerprint: whichever connection shows them. */
  readonly #remembered = new Map<string, Judgement>()

  constructor(bundle: ClientCaBundle | undefined, options: { readonly clock: Clock }) {
    this.#bundle = bundle
    this.#clock = options.clock
  }

  /** To be called when a handshake is over. One that began before the bundle changed is left out. */
  noteHandshake(socket: TLSSocket): void {
    const bundle = this.#bundle
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256
    if (!bundle || fingerprint === undefined) return
    if (this.#clock.monotonicMs() - bundle.changedAtMs <= maxHandshakeMs) return
    this.#handshakes.set(socket, { authorities: bundle.authorities, fingerprint })
  }

  async authenticate({ socket }: IncomingMessage): Promise<Authentication> {
    if (!(socket instanceof TLSSocket)) return { kind: 'none' }
    const certificate = socket.getPeerX509Certificate()
    if (!certificate) return { kind: 'none' }
    const authorities = this.#bundle?.authorities
    if (!authorities) return refused('no client CA is configured')
    if (!socket.authorized) return refused(String(socket.authorizationError))
    let judgement = this.#judgements.get(socket)
    if (judgement?.authorities !== authorities) {
      judgement = this.#judge(socket, { certificate, authorities })
      this.#judgements.set(socket, judgement)
    }
    const nowMs = this.#clock.nowMs()
    if (nowMs < judgement.validFromMs || nowMs > judgement.validUntilMs) {
      return refused('it, or its issuer, is not valid at this time')
    }
    return judgement.result
  }

  #judge(
    socket: TLSSocket,
    about: { readonly certificate: X509Certificate; readonly authorities: Authorities },
  ): Judgement {
    const { authorities, certificate } = about
    const fingerprint = certificate.fingerprint256
    const remembered = this.#remembered.get(fingerprint)
    if (remembered?.authorities === authorities) return remembered
    const issuer = authorities.find((authority) => isTrustedBy(certificate, authority))
    const handshake = this.#handshakes.get(socket)
    const isTrusted =
      issuer !== undefined ||
      (handshake?.authorities === authorities && handshake.fingerprint === fingerprint)
    const known = issuer ? [certificate, issuer] : [certificate]
    const judgement = {
      authorities,
      result: isTrusted
        ? identityOf(socket.getPeerCertificate())
        : refused('it was issued by no present client CA'),
      validFromMs: Math.max(...known.map(({ validFrom }) => Date.parse(validFrom))),
      validUntilMs: Math.min(...known.map(({ validTo }) => Date.parse(validTo))),
    }
    if (issuer) this.#remember(fingerprint, judgement)
    return judgement
  }

  #remember(fingerprint: string, judgement: Judgement): void {
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear()
    this.#remembered.set(fingerprint, judgement)
  }
}

/** Issued by the authority, or named in the bundle itself. */
function isTrustedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  if (authority.fingerprint256 === certificate.fingerprint256) return true
  return (
    authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  )
}

function identityOf(peer: PeerCertificate): Authentication {
  const username = valuesOf(peer.subject.CN).at(-1)
  if (!username) return { kind: 'none' }
  const hash = createHash('sha256').update(peer.raw).digest('hex')
  return {
    kind: 'known',
    user: {
      username,
      groups: valuesOf(peer.subject.O),
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${hash}`] },
    },
  }
}

/** An attribute that a subject has several times comes as an array, whatever its type says. */
function valuesOf(attribute: string | readonly string[] | undefined): readonly string[] {
  if (attribute === undefined) return []
  return typeof attribute === 'string' ? [attribute] : attribute
}

function refused(why: string): Authentication {
  return { kind: 'refused', why: `client certificate: ${why}` }
}
