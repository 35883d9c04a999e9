// SPDX-License-Identifier: Apache-2.0
// The connection of a process that runs in a pod: the service's address from the environment, the
// rest from the service account's volume, whose token changes about every hour.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError } from '../util/vk-error.ts'
import type { ClusterConnection } from './cluster-connection.ts'
import { StoredCredentials } from './stored-credentials.ts'

export interface InClusterOptions {
  readonly env: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly log: Logger
  /** Where the service account's volume is mounted. */
  readonly directory?: string
}

/** Does the environment name the API's service, as in every pod? */
export function isInCluster(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env['KUBERNETES_SERVICE_HOST']) && Boolean(env['KUBERNETES_SERVICE_PORT'])
}

/** The connection with the pod's service account. */
export async function inClusterConnection(options: InClusterOptions): Promise<ClusterConnection> {
  const { env, clock, log } = options
  const { directory = '/var/run/secrets/kubernetes.io/serviceaccount' } = options
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const address = host.includes(':') ? `[${host}]` : host
  const token = { file: join(directory, 'token') }
  const credentials = new StoredCredentials({ token, clock, log })
  await credentials.load()
  const namespace = await readText(join(directory, 'namespace')).catch(() => 'default')
  return {
    server: `https://${address}:${env['KUBERNETES_SERVICE_PORT']}`,
    namespace: namespace.trim(),
    source: `the service account in "${directory}"`,
    tls: { caPem: await readText(join(directory, 'ca.crt')), isInsecure: false },
    headers: [],
    credentials,
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserError(`Cannot read "${file}": ${code ?? 'unknown error'}`, {
      hint: 'the pod needs a service account with automountServiceAccountToken',
    })
  }
}
