// SPDX-License-Identifier: Apache-2.0
// One context of a kubeconfig as a connection: picks cluster and user, reads what they point to, and
// checks it all before the first request does.
import { readFile } from 'node:fs/promises'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError, VkError } from '../util/vk-error.ts'
import type { ClusterConnection, ServerTls } from './cluster-connection.ts'
import type { Kubeconfig, Located } from './kubeconfig-files.ts'
import { pathIn } from './kubeconfig-files.ts'
import type { KubeconfigCluster, KubeconfigContext } from './kubeconfig-schema.ts'
import { credentialsOf, impersonationOf } from './kubeconfig-user.ts'
import { pemOf } from './pem.ts'
import { proxyFromEnvironment } from './proxy-from-environment.ts'

export interface ConnectionOptions {
  readonly context?: string
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  readonly clock: Clock
}

/** The connection that a context describes; the current one unless another is named. */
export async function connectionOf(
  config: Kubeconfig,
  options: ConnectionOptions,
): Promise<ClusterConnection> {
  const { name, context } = contextOf(config, options.context)
  const cluster = entryOf(config.clusters, context.value.cluster, 'cluster', context)
  const server = serverOf(cluster)
  const tls = await tlsOf(cluster)
  const userName = context.value.user || undefined
  const user = userName ? entryOf(config.users, userName, 'user', context) : undefined
  const proxyUrl = proxyOf(cluster) ?? proxyFromEnvironment(server, options.env)
  const where = { server, tls, cluster: cluster.value }
  try {
    return {
      server,
      namespace: context.value.namespace || 'default',
      source: `kubeconfig "${context.file}", context "${name}"`,
      tls,
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
      headers: user ? impersonationOf(user.value) : [],
      credentials: await credentialsOf(user, { ...options, ...where, userName: userName ?? '' }),
    }
  } catch (error) {
    // A plugin that fails at the start is a matter of configuration; later it is one of waiting.
    if (error instanceof VkError) throw new UserError(error.message, { cause: error })
    throw error
  }
}

function contextOf(
  config: Kubeconfig,
  wanted: string | undefined,
): { readonly name: string; readonly context: Located<KubeconfigContext> } {
  const files = config.files.map((file) => `"${file}"`).join(', ')
  const names = [...config.contexts.keys()].join(', ')
  const name = wanted ?? config.currentContext
  if (!name) {
    throw new UserError(`Cannot use kubeconfig ${files}: it has no current-context`, {
      hint:
        names === ''
          ? 'it has no contexts at all; name another file with --kubeconfig or KUBECONFIG'
          : `choose one with --context: ${names}`,
    })
  }
  const context = config.contexts.get(name)
  if (context) return { name, context }
  throw new UserError(`Cannot use kubeconfig ${files}: it has no context "${name}"`, {
    hint: names === '' ? 'it has no contexts at all' : `it has: ${names}`,
  })
}

function entryOf<T>(
  entries: ReadonlyMap<string, Located<T>>,
  name: string,
  kind: 'cluster' | 'user',
  { file }: { readonly file: string },
): Located<T> {
  const entry = entries.get(name)
  if (entry) return entry
  const names = [...entries.keys()].join(', ')
  throw new UserError(`Cannot use kubeconfig "${file}": it has no ${kind} "${name}"`, {
    hint: names === '' ? `it has no ${kind}s at all` : `it has: ${names}`,
  })
}

function serverOf({ value, file }: Located<KubeconfigCluster>): string {
  const { server } = value
  const isUrl = URL.canParse(server ?? '') && /^https?:\/\//.test(server ?? '')
  if (server && isUrl) return server.replace(/\/+$/, '')
  throw new UserError(`Cannot use kubeconfig "${file}": the cluster's server is no URL`, {
    hint: 'write it like https://host:6443',
  })
}

async function tlsOf({ value, file }: Located<KubeconfigCluster>): Promise<ServerTls> {
  const data = value['certificate-authority-data']
  const path = value['certificate-authority']
  const serverName = value['tls-server-name']
  const isInsecure = value['insecure-skip-tls-verify'] ?? false
  const caPem = data
    ? pemOf(data, { file, field: 'certificate-authority-data' })
    : path
      ? await readCa(pathIn(file, path))
      : undefined
  if (isInsecure && caPem !== undefined) {
    throw new UserError(
      `Cannot use kubeconfig "${file}": a certificate authority and insecure-skip-tls-verify exclude each other`,
      { hint: 'remove insecure-skip-tls-verify' },
    )
  }
  return {
    ...(caPem === undefined ? {} : { caPem }),
    ...(serverName ? { serverName } : {}),
    isInsecure,
  }
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserError(`Cannot read certificate-authority "${path}": ${code ?? 'unknown error'}`)
  }
}

function proxyOf({ value, file }: Located<KubeconfigCluster>): string | undefined {
  const proxy = value['proxy-url']
  if (!proxy) return undefined
  if (URL.canParse(proxy) && /^(https?|socks5):$/.test(new URL(proxy).protocol)) return proxy
  // A proxy's URL may hold a password, so it is not repeated.
  throw new UserError(`Cannot use kubeconfig "${file}": proxy-url is no URL of a proxy`, {
    hint: 'write it like http://host:3128, https://host:3128 or socks5://host:1080',
  })
}
