// SPDX-License-Identifier: Apache-2.0
// Finds the cluster: the kubeconfig that is named, those of $KUBECONFIG, ~/.kube/config, and last the
// service account of the pod that we run in. Whatever is wrong becomes one line that names the file.
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { systemClock } from '../util/clock.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError } from '../util/vk-error.ts'
import type { ClusterConnection } from './cluster-connection.ts'
import { inClusterConnection, isInCluster } from './in-cluster.ts'
import { connectionOf } from './kubeconfig-connection.ts'
import { readKubeconfig, readKubeconfigs } from './kubeconfig-files.ts'

export interface LoadConnectionOptions {
  /** Path of a kubeconfig; goes before everything else. */
  readonly kubeconfig?: string
  /** A context other than the current one. */
  readonly context?: string
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  readonly clock?: Clock
}

/** Finds and checks a connection to a cluster; throws a UserError that says what to do. */
export async function loadConnection(options: LoadConnectionOptions): Promise<ClusterConnection> {
  const { kubeconfig, env, clock = systemClock } = options
  const given = { ...options, clock }
  if (kubeconfig) return await connectionOf(await readKubeconfig(kubeconfig), given)
  const files = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  if (files.length > 0) return await connectionOf(await readKubeconfigs(files), given)
  const usual = join(env['HOME'] ?? env['USERPROFILE'] ?? homedir(), '.kube', 'config')
  if (await exists(usual)) return await connectionOf(await readKubeconfig(usual), given)
  if (isInCluster(env)) return await inClusterConnection(given)
  throw new UserError(`Cannot find a cluster: there is no "${usual}", and this is no pod`, {
    hint: 'give a kubeconfig with --kubeconfig or KUBECONFIG',
  })
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    // Not there, or not for us: the next place is tried.
    return false
  }
}
