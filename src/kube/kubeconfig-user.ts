// SPDX-License-Identifier: Apache-2.0
// A kubeconfig's user as credentials: token, client certificate or plugin, in the precedence that
// kubectl gives them. What we do not support is refused by name, with the way that works.
import { isAbsolute } from 'node:path'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError } from '../util/vk-error.ts'
import type { ServerTls } from './cluster-connection.ts'
import { fixedCredentials } from './credentials.ts'
import type { ClientCertificate, Credentials } from './credentials.ts'
import { ExecCredentials } from './exec-credentials.ts'
import type { ExecPlugin } from './exec-plugin.ts'
import { pathIn } from './kubeconfig-files.ts'
import type { Located } from './kubeconfig-files.ts'
import type { KubeconfigCluster, KubeconfigExec, KubeconfigUser } from './kubeconfig-schema.ts'
import { checkKeyPair, expiryOf, pemOf } from './pem.ts'
import { StoredCredentials } from './stored-credentials.ts'
import type { Stored, StoredCredentialsOptions } from './stored-credentials.ts'

export interface UserContext {
  readonly userName: string
  readonly server: string
  readonly tls: ServerTls
  readonly cluster: KubeconfigCluster
  readonly env: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly log: Logger
}

const execApiVersions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']

/** Credentials of a user, read or fetched once to see that they work. */
export async function credentialsOf(
  user: Located<KubeconfigUser> | undefined,
  context: UserContext,
): Promise<Credentials> {
  if (!user) return fixedCredentials({})
  const { value, file } = user
  const source = `user "${context.userName}" in kubeconfig "${file}"`
  refuseUnsupported(value, source)
  const { clock, log } = context
  if (value.exec) {
    const plugin = pluginOf({ value: value.exec, file }, context, source)
    const credentials = new ExecCredentials({ plugin, clock, log })
    const { certificate } = await credentials.identity()
    if (certificate) checkCertificate(certificate, source, context)
    return credentials
  }
  const token = tokenOf(user)
  const certificate = certificateOf(user, source)
  const credentials = new StoredCredentials({
    ...(token && { token }),
    ...(certificate && { certificate }),
    clock,
    log,
  })
  const identity = await credentials.load()
  if (identity.certificate) checkCertificate(identity.certificate, source, context)
  return credentials
}

// An expired certificate only brings a warning: our own clock may be the one that is wrong.
function checkCertificate(
  certificate: ClientCertificate,
  source: string,
  { clock, log }: UserContext,
): void {
  checkKeyPair(certificate, source)
  const expiryMs = expiryOf(certificate.certificatePem)
  if (expiryMs > clock.nowMs()) return
  const expired = new Date(expiryMs).toISOString()
  log.warn({ source, expired }, 'The client certificate has expired; the API server will refuse it')
}

/** Headers of a user that acts as another one. */
export function impersonationOf(user: KubeconfigUser): readonly (readonly [string, string])[] {
  const headers: [string, string][] = []
  if (user.as) headers.push(['impersonate-user', user.as])
  if (user['as-uid']) headers.push(['impersonate-uid', user['as-uid']])
  for (const group of user['as-groups'] ?? []) headers.push(['impersonate-group', group])
  for (const [key, values] of Object.entries(user['as-user-extra'] ?? {})) {
    const name = `impersonate-extra-${encodeURIComponent(key.toLowerCase())}`
    for (const value of values) headers.push([name, value])
  }
  return headers
}

function refuseUnsupported(user: KubeconfigUser, source: string): void {
  const provider = user['auth-provider']
  if (provider) {
    throw new UserError(
      `Cannot use ${source}: auth-provider "${provider.name ?? ''}" is no longer supported`,
      { hint: "use an exec plugin, such as kubectl's oidc-login or your cloud's own" },
    )
  }
  if (user.username || user.password) {
    throw new UserError(`Cannot use ${source}: Kubernetes has no user names with passwords`, {
      hint: 'use a client certificate, a token or an exec plugin',
    })
  }
  if (user.exec && (user.token || user.tokenFile)) {
    throw new UserError(`Cannot use ${source}: it has both a token and an exec plugin`, {
      hint: 'remove one of them',
    })
  }
}

function tokenOf({ value, file }: Located<KubeconfigUser>): Stored | undefined {
  if (value.tokenFile) return { file: pathIn(file, value.tokenFile) }
  return value.token ? { value: value.token } : undefined
}

function certificateOf(
  { value, file }: Located<KubeconfigUser>,
  source: string,
): StoredCredentialsOptions['certificate'] {
  const certificatePem = storedPem(value, { name: 'client-certificate', file })
  const keyPem = storedPem(value, { name: 'client-key', file })
  if (certificatePem && keyPem) return { certificatePem, keyPem }
  if (!certificatePem && !keyPem) return undefined
  const missing = certificatePem ? 'client-key' : 'client-certificate'
  throw new UserError(`Cannot use ${source}: ${missing} is missing`, {
    hint: 'a client certificate needs client-certificate and client-key',
  })
}

function storedPem(
  user: KubeconfigUser,
  { name, file }: { readonly name: 'client-certificate' | 'client-key'; readonly file: string },
): Stored | undefined {
  const data = user[`${name}-data`]
  if (data) return { value: pemOf(data, { file, field: `${name}-data` }) }
  const path = user[name]
  return path ? { file: pathIn(file, path) } : undefined
}

function pluginOf(
  { value: exec, file }: Located<KubeconfigExec>,
  context: UserContext,
  source: string,
): ExecPlugin {
  const { apiVersion, command, args, env, installHint } = exec
  if (!execApiVersions.includes(apiVersion)) {
    throw new UserError(`Cannot use ${source}: exec apiVersion "${apiVersion}" is not supported`, {
      hint: `use ${execApiVersions.join(' or ')}`,
    })
  }
  if (exec.interactiveMode === 'Always') {
    throw new UserError(`Cannot use ${source}: its exec plugin wants a terminal`, {
      hint: 'set interactiveMode to Never or IfAvailable',
    })
  }
  // Like a shell, kubectl searches a bare name in PATH; anything with a slash is a path.
  const isPath = /[\\/]/.test(command) && !isAbsolute(command)
  return {
    apiVersion,
    command: isPath ? pathIn(file, command) : command,
    args: args ?? [],
    env: { ...context.env, ...Object.fromEntries((env ?? []).map((e) => [e.name, e.value])) },
    ...(installHint ? { installHint } : {}),
    ...(exec.provideClusterInfo ? { cluster: clusterInfo(context) } : {}),
  }
}

function clusterInfo({ server, tls, cluster }: UserContext): object {
  const extensions = cluster.extensions ?? []
  const config = extensions.find(({ name }) => name === 'client.authentication.k8s.io/exec')
  const { caPem, serverName, isInsecure } = tls
  return {
    server,
    ...(serverName === undefined ? {} : { 'tls-server-name': serverName }),
    ...(isInsecure ? { 'insecure-skip-tls-verify': true } : {}),
    ...(caPem === undefined
      ? {}
      : { 'certificate-authority-data': Buffer.from(caPem).toString('base64') }),
    ...(cluster['proxy-url'] ? { 'proxy-url': cluster['proxy-url'] } : {}),
    ...(config ? { config: config.extension ?? null } : {}),
  }
}
