// SPDX-License-Identifier: Apache-2.0
// The paths that are no resources: health, version, discovery, OpenAPI.
import { pathNotFound, StatusError } from '../objects/api-status.ts'
import type { ApiExchange } from './api-exchange.ts'
import { discover, groupVersions } from './discovery.ts'

/** The Kubernetes version whose API this is. */
export const kubernetesVersion = 'v1.36.3'

export interface PlainPathContext {
  /** HOST:PORT by which clients reach this server. */
  readonly server: string
  /** What keeps the server from its work, or undefined. */
  readonly obstacle: () => Promise<string | undefined>
  /** Single documents by path, such as the keys of service account tokens. */
  readonly documents: ReadonlyMap<string, () => unknown>
  /** Documents under /openapi, or undefined for a path that is none. */
  readonly openApi: (path: string, accept: string) => Buffer | undefined
}

const health: readonly string[] = ['/healthz', '/livez', '/readyz']

/** Answers a request for anything that is no resource. */
export async function answerPlainPath(
  exchange: ApiExchange,
  context: PlainPathContext,
): Promise<void> {
  const { method, path } = exchange.info
  if (method !== 'GET' && method !== 'HEAD') {
    const message = 'the server does not allow this method on the requested resource'
    throw new StatusError(405, 'MethodNotAllowed', message, {})
  }
  if (health.includes(path.replace(/\/ping$/, ''))) {
    await answerHealth(exchange, context)
    return
  }
  if (path === '/version' || path === '/version/') {
    exchange.sendJson(200, version())
    return
  }
  const known = context.documents.get(path)
  if (known) {
    exchange.sendJson(200, known())
    return
  }
  if (path === '/') {
    exchange.sendJson(200, { paths: rootPaths() })
    return
  }
  const accept = exchange.header('accept') ?? ''
  const document = path.startsWith('/openapi/') ? context.openApi(path, accept) : undefined
  if (document) {
    exchange.sendBytes(200, document)
    return
  }
  const discovery = discover(path, { server: context.server, accept })
  if (!discovery) throw pathNotFound()
  const body = Buffer.from(`${JSON.stringify(discovery.body)}\n`)
  exchange.sendBytes(200, body, discovery.contentType)
}

async function answerHealth(exchange: ApiExchange, { obstacle }: PlainPathContext): Promise<void> {
  const why = await obstacle()
  const isReady = why === undefined
  const details = exchange.info.query.has('verbose')
    ? `[${isReady ? '+' : '-'}]storage ${isReady ? 'ok' : 'failed: reason withheld'}\n`
    : ''
  const text = isReady
    ? details === ''
      ? 'ok'
      : `${details}${exchange.info.path.slice(1)} check passed\n`
    : `${details}storage check failed: reason withheld\n`
  exchange.sendBytes(isReady ? 200 : 500, Buffer.from(text), 'text/plain; charset=utf-8')
}

function version(): object {
  const [major, minor] = kubernetesVersion.slice(1).split('.')
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: `${kubernetesVersion}-vk`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  }
}

function rootPaths(): readonly string[] {
  const groups = [
    ...new Set(groupVersions.flatMap((one) => (one.includes('/') ? [one.split('/', 1)[0]] : []))),
  ]
  return [
    '/api',
    '/api/v1',
    '/apis',
    ...groups.map((group) => `/apis/${group}`),
    ...groupVersions.filter((one) => one.includes('/')).map((one) => `/apis/${one}`),
    ...health,
    '/openapi/v2',
    '/openapi/v3',
    '/version',
  ].sort()
}
