// SPDX-License-Identifier: Apache-2.0
// Callers with a client certificate. OpenSSL judges chain, purpose and validity in the handshake,
// against the client CA bundle of that moment; a connection may outlive that bundle and the
// certificate, so each request is held against the present bundle and the present time as well.
import { createHash, X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { DetailedPeerCertificate } from 'node:tls'
import type { Clock } from '../../util/clock.ts'
import type { Authentication, Authenticator } from './authenticator.ts'

/** The certificates that callers' chains must end in; a new array when the bundle changes. */
export type TrustedAuthorities = readonly X509Certificate[]

interface Judgement {
  readonly authorities: TrustedAuthorities
  readonly validFromMs: number
  readonly validUntilMs: number
  readonly result: Authentication
}

/** Recognises client certificates issued by the present client CAs; refuses all while there are none. */
export class ClientCertificateAuthenticator implements Authenticator {
  readonly #authorities: () => TrustedAuthorities | undefined
  readonly #clock: Clock
  readonly #judgements = new WeakMap<TLSSocket, Judgement>()

  constructor(
    authorities: () => TrustedAuthorities | undefined,
    options: { readonly clock: Clock },
  ) {
    this.#authorities = authorities
    this.#clock = options.clock
  }

  async authenticate(request: IncomingMessage): Promise<Authentication> {
    const { socket } = request
    if (!(socket instanceof TLSSocket)) return { kind: 'none' }
    if (!socket.getPeerX509Certificate()) return { kind: 'none' }
    const authorities = this.#authorities()
    if (!authorities) return refused('no client CA is configured')
    if (!socket.authorized) return refused(String(socket.authorizationError))
    let judgement = this.#judgements.get(socket)
    if (judgement?.authorities !== authorities) {
      judgement = judge(socket, authorities)
      this.#judgements.set(socket, judgement)
    }
    const nowMs = this.#clock.nowMs()
    if (nowMs < judgement.validFromMs || nowMs > judgement.validUntilMs) {
      return refused('the certificate, or one of its issuers, is not valid at this time')
    }
    return judgement.result
  }
}

function judge(socket: TLSSocket, authorities: TrustedAuthorities): Judgement {
  const peer = socket.getPeerCertificate(true)
  const path = pathTo(authorities, presentedBy(peer))
  const result = path ? identityOf(peer) : refused('it was issued by no present client CA')
  return {
    authorities,
    result,
    validFromMs: Math.max(...(path ?? []).map(({ validFrom }) => Date.parse(validFrom))),
    validUntilMs: Math.min(...(path ?? []).map(({ validTo }) => Date.parse(validTo))),
  }
}

/** The caller's certificate, then what it and OpenSSL added to it. */
function presentedBy(peer: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<DetailedPeerCertificate>()
  let next: DetailedPeerCertificate | undefined = peer
  while (next?.raw && !seen.has(next)) {
    seen.add(next)
    chain.push(new X509Certificate(next.raw))
    next = next.issuerCertificate
  }
  return chain
}

/** Follows signatures from the first certificate to an authority; undefined when there is no way. */
function pathTo(
  authorities: TrustedAuthorities,
  chain: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const path: X509Certificate[] = []
  for (const certificate of chain) {
    const below = path.at(-1)
    if (below && !isIssuedBy(below, certificate)) return undefined
    path.push(certificate)
    if (authorities.some((authority) => authority.fingerprint256 === certificate.fingerprint256)) {
      return path
    }
    const authority = authorities.find((candidate) => isIssuedBy(certificate, candidate))
    if (authority) return [...path, authority]
  }
  return undefined
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function identityOf(peer: DetailedPeerCertificate): Authentication {
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
