// SPDX-License-Identifier: Apache-2.0
// Who we are to the API server. Credentials change under a running process (tokens expire, files are
// rewritten, plugins are asked again), so the transport asks for the identity with every request;
// the answer comes from memory nearly always.

/** A client certificate with its private key, both as PEM. */
export interface ClientCertificate {
  readonly certificatePem: string
  readonly keyPem: string
}

/** What a request presents. Equal content is the same object, so that change is cheap to see. */
export interface Identity {
  /** A bearer token, without the word Bearer. */
  readonly token?: string
  readonly certificate?: ClientCertificate
}

/** A source of identities. */
export interface Credentials {
  /** The identity to present now: at once where it is at hand, else once it has been fetched. */
  identity(): Identity | Promise<Identity>
  /**
   * Says that the server answered 401 to `refused`. Resolves to true when another identity is to be
   * had, so that one more try makes sense.
   */
  renew(refused: Identity): Promise<boolean>
}

/** Credentials that never change. */
export function fixedCredentials(identity: Identity): Credentials {
  return { identity: () => identity, renew: () => Promise.resolve(false) }
}

/** Do both say the same? */
export function isSameIdentity(one: Identity, other: Identity): boolean {
  return one.token === other.token && isSameCertificate(one.certificate, other.certificate)
}

/** Are both the same certificate with the same key, or both none? */
export function isSameCertificate(
  one: ClientCertificate | undefined,
  other: ClientCertificate | undefined,
): boolean {
  return one?.certificatePem === other?.certificatePem && one?.keyPem === other?.keyPem
}
