// SPDX-License-Identifier: Apache-2.0
// Where the engine is: what the configuration says, else what Docker's own command line would use
// (DOCKER_HOST, the chosen context), else the first socket of Docker or Podman that is there.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../../util/vk-error.ts'
import { readDockerCli, type TlsFiles } from './docker-cli-config.ts'

export interface EngineSettings {
  readonly host?: string | undefined
  readonly context?: string | undefined
  readonly tls?: TlsFiles | undefined
  readonly headers: Readonly<Record<string, string>>
}

interface Common {
  /** As the user wrote it, without a password. */
  readonly where: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
}

export type EngineEndpoint = Common &
  (
    | { readonly kind: 'socket'; readonly path: string }
    | {
        readonly kind: 'tcp'
        readonly host: string
        readonly port: number
        readonly pathPrefix: string
        readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
      }
    | {
        readonly kind: 'ssh'
        readonly target: string
        readonly port?: string
        readonly path: string
      }
  )

type Environment = Readonly<Record<string, string | undefined>>

/** Finds the engine; UserError when what leads there is wrong or nothing does. */
export async function findEngine(
  settings: EngineSettings,
  environment: Environment = process.env,
): Promise<EngineEndpoint> {
  const cli = await readDockerCli(environment)
  const headers = { ...cli.headers, ...settings.headers }
  const { host, context } = chosen(settings, environment)
  if (host !== undefined) {
    const isFromSettings = settings.host !== undefined
    const tls = settings.tls ?? (isFromSettings ? undefined : tlsOfEnvironment(environment))
    return await endpointOf(host, { tls, headers })
  }
  const name = context ?? cli.currentContext
  if (name !== undefined && name !== 'default') {
    const known = await cli.readContext(name)
    return await endpointOf(known.host, { tls: settings.tls ?? known.tls, headers })
  }
  const path = usualSockets(environment).find(existsSync)
  if (path === undefined) {
    throw new UserError('Cannot find a container engine: no socket of Docker or Podman is there', {
      hint: `Start one of them, or set "host" in the provider's configuration or DOCKER_HOST; looked at ${usualSockets(environment).join(', ')}.`,
    })
  }
  return { kind: 'socket', path, where: `unix://${path}`, headers }
}

/** The configuration comes first, then the environment; in each a host before a context. */
function chosen(
  { host, context }: EngineSettings,
  environment: Environment,
): { readonly host?: string | undefined; readonly context?: string | undefined } {
  if (host !== undefined || context !== undefined) return { host, context }
  const fromEnvironment = environment['DOCKER_HOST'] || environment['CONTAINER_HOST'] || undefined
  return { host: fromEnvironment, context: environment['DOCKER_CONTEXT'] || undefined }
}

async function endpointOf(
  host: string,
  { tls, headers }: { readonly tls: TlsFiles | undefined; readonly headers: Common['headers'] },
): Promise<EngineEndpoint> {
  const url = parseHost(host)
  const where = `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`
  switch (url.protocol) {
    case 'unix:':
    case 'npipe:':
      return { kind: 'socket', path: url.pathname, where, headers }
    case 'ssh:': {
      const target = url.username === '' ? url.hostname : `${url.username}@${url.hostname}`
      const path = url.pathname.replace(/^\/$/, '')
      return { kind: 'ssh', target, path, where, headers, ...(url.port && { port: url.port }) }
    }
    case 'tcp:':
    case 'http:':
    case 'https:': {
      const isSecure = tls !== undefined || url.protocol === 'https:'
      const port = url.port === '' ? defaultPort(url.protocol, isSecure) : Number(url.port)
      const pathPrefix = url.pathname.replace(/\/$/, '')
      const at = { kind: 'tcp', host: url.hostname, port, pathPrefix, where, headers } as const
      return isSecure ? { ...at, tls: await readTls(tls ?? {}) } : at
    }
    default:
      throw wrongHost(host, `"${url.protocol}//" is none of unix, npipe, tcp, http, https, ssh`)
  }
}

function parseHost(host: string): URL {
  // Socket paths may hold characters that a URL would change.
  const socket = /^(unix|npipe):\/\/(.+)$/.exec(host)
  if (socket?.[1] && socket[2]) {
    return { protocol: `${socket[1]}:`, host: '', pathname: socket[2] } as URL
  }
  const text = host.includes('://') ? host : `tcp://${host}`
  if (!URL.canParse(text)) throw wrongHost(host, 'it is no URL such as unix:///run/docker.sock')
  const url = new URL(text)
  if (url.hostname === '') throw wrongHost(host, 'it names no host')
  if (url.password !== '') throw wrongHost('***', 'a password does not belong in it')
  return url
}

function wrongHost(host: string, why: string): UserError {
  return new UserError(`Cannot use "${host}" as the engine's host: ${why}`, {
    hint: 'Examples: unix:///var/run/docker.sock, tcp://10.0.0.5:2376, ssh://user@host.',
  })
}

function defaultPort(protocol: string, isSecure: boolean): number {
  if (protocol === 'https:') return 443
  if (protocol === 'http:') return 80
  return isSecure ? 2376 : 2375
}

/** DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as Docker's command line reads them. */
function tlsOfEnvironment(environment: Environment): TlsFiles | undefined {
  if (!environment['DOCKER_TLS_VERIFY']) return undefined
  const folder =
    environment['DOCKER_CERT_PATH'] ||
    environment['DOCKER_CONFIG'] ||
    join(environment['HOME'] ?? homedir(), '.docker')
  return {
    ca: join(folder, 'ca.pem'),
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
  }
}

async function readTls(files: TlsFiles): Promise<{ ca?: string; cert?: string; key?: string }> {
  const read = async (name: 'ca' | 'cert' | 'key'): Promise<object> => {
    const path = files[name]
    if (path === undefined) return {}
    try {
      return { [name]: await readFile(path, 'utf8') }
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw new UserError(`Cannot read the engine's TLS file "${path}" (${name}): ${code}`, {
        cause,
      })
    }
  }
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')])
  return { ...ca, ...cert, ...key }
}

function usualSockets(environment: Environment): readonly string[] {
  const { HOME: home, XDG_RUNTIME_DIR: runtimeDir } = environment
  return [
    '/var/run/docker.sock',
    ...(home ? [join(home, '.docker/run/docker.sock')] : []),
    ...(runtimeDir
      ? [join(runtimeDir, 'docker.sock'), join(runtimeDir, 'podman/podman.sock')]
      : []),
    '/run/podman/podman.sock',
  ]
}
