// SPDX-License-Identifier: Apache-2.0
// Makes what guards one node's kubelet API from its configuration: the serving certificate, the client
// CA, and who may call. Everything is off unless it is named; with nothing named nobody gets in.
import type { KubeClient } from '../kube/kube-client.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { chainAuthenticators, denyAll } from './authentication/authenticator.ts'
import type { Authenticator } from './authentication/authenticator.ts'
import { BearerTokenAuthenticator, refuseBearerTokens } from './authentication/bearer-token.ts'
import { ClientCertificateAuthenticator } from './authentication/client-certificate.ts'
import { AccessReviewAuthorizer, alwaysAllow, neverAllow } from './authorization/authorizer.ts'
import type { Authorizer } from './authorization/authorizer.ts'
import { RequestGate } from './request-gate.ts'
import { ClientCaBundle } from './tls/client-ca-bundle.ts'
import { SelfSignedCertificate } from './tls/self-signed-certificate.ts'
import { certificateFromFiles, certificateFromPem } from './tls/serving-certificate.ts'
import { tlsMaterialOf } from './tls/tls-material.ts'
import type { ServingCertificate, TlsMaterial } from './tls/tls-material.ts'

/** Where the serving certificate comes from. */
export type CertificateSource =
  | { readonly certFile: string; readonly keyFile: string }
  | { readonly cert: string; readonly key: string }
  /** Made by ourselves and kept below `rootDir`, for these addresses and the node's name. */
  | { readonly selfSigned: { readonly rootDir: string; readonly ipAddresses: readonly string[] } }
  /** Any other, such as one that follows certificate signing requests; disposed with the security. */
  | { readonly source: ServingCertificate }

/** The kubelet's authentication flags by their names. */
export interface AuthenticationOptions {
  readonly anonymousAuth?: boolean
  readonly authenticationTokenWebhook?: boolean
  readonly clientCaFile?: string
}

export interface KubeletSecurityOptions {
  readonly nodeName: string
  readonly certificate: CertificateSource
  /** Left out: everybody is refused. */
  readonly authentication?: AuthenticationOptions
  /** Left out: nobody may do anything. */
  readonly authorizationMode?: 'Webhook' | 'AlwaysAllow'
}

export interface KubeletSecurityDeps {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
}

/** TLS and access control of one node; may guard several listeners. */
export class KubeletSecurity implements Disposable {
  readonly tls: TlsMaterial
  readonly gate: RequestGate
  readonly #resources: DisposableStack

  /** Rejects with a UserError when a file cannot be used. */
  static async open(
    deps: KubeletSecurityDeps,
    options: KubeletSecurityOptions,
  ): Promise<KubeletSecurity> {
    using resources = new DisposableStack()
    const certificate = resources.use(await openCertificate(deps, options))
    const caFile = options.authentication?.clientCaFile
    const clientCa = caFile ? resources.use(await ClientCaBundle.open(caFile, deps)) : undefined
    const certificates = new ClientCertificateAuthenticator(clientCa, deps)
    warnIfOpen(deps, options)
    const noteHandshake = certificates.noteHandshake.bind(certificates)
    return new KubeletSecurity({
      tls: tlsMaterialOf(certificate, { clientCa, noteHandshake }),
      gate: new RequestGate({
        authenticator: authenticatorOf(deps, { options, certificates }),
        authorizer: authorizerOf(deps, options),
        log: deps.log,
      }),
      resources: resources.move(),
    })
  }

  private constructor(parts: {
    readonly tls: TlsMaterial
    readonly gate: RequestGate
    readonly resources: DisposableStack
  }) {
    this.tls = parts.tls
    this.gate = parts.gate
    this.#resources = parts.resources
  }

  [Symbol.dispose](): void {
    this.#resources.dispose()
  }
}

function warnIfOpen({ log }: KubeletSecurityDeps, options: KubeletSecurityOptions): void {
  if (!options.authentication?.anonymousAuth || options.authorizationMode !== 'AlwaysAllow') return
  log.warn({}, 'The kubelet API is open to everybody who can reach it: logs, exec, all pods')
}

async function openCertificate(
  deps: KubeletSecurityDeps,
  { certificate, nodeName }: KubeletSecurityOptions,
): Promise<ServingCertificate> {
  if ('source' in certificate) return certificate.source
  if ('cert' in certificate) return certificateFromPem(certificate)
  if ('certFile' in certificate) return await certificateFromFiles(certificate, deps)
  return await SelfSignedCertificate.open({ ...certificate.selfSigned, nodeName, ...deps })
}

function authenticatorOf(
  { client, clock }: KubeletSecurityDeps,
  parts: {
    readonly options: KubeletSecurityOptions
    readonly certificates: Authenticator
  },
): Authenticator {
  const { authentication } = parts.options
  if (!authentication) return denyAll
  const tokens = authentication.authenticationTokenWebhook
    ? new BearerTokenAuthenticator(client, { clock })
    : refuseBearerTokens
  return chainAuthenticators([parts.certificates, tokens], {
    allowAnonymous: authentication.anonymousAuth ?? false,
  })
}

function authorizerOf(
  { client, clock }: KubeletSecurityDeps,
  { authorizationMode, nodeName }: KubeletSecurityOptions,
): Authorizer {
  if (authorizationMode === 'Webhook')
    return new AccessReviewAuthorizer(client, { nodeName, clock })
  return authorizationMode === 'AlwaysAllow' ? alwaysAllow : neverAllow
}
