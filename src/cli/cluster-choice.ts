// SPDX-License-Identifier: Apache-2.0
// Which cluster a command means: the kubeconfig that is named, that of $KUBECONFIG, the cluster that `up`
// runs on this machine, or ~/.kube/config.
import { loadConnection } from '../kube/kubeconfig.ts'
import type { Logger } from '../util/logger.ts'
import { ClusterAccess } from './cluster-access.ts'
import { dataDirOf, findRunning } from './data-dir.ts'

/** Flags that choose a cluster. */
export interface ClusterFlags {
  readonly kubeconfig?: string
  readonly context?: string
  readonly dataDir?: string
}

/** Opens the cluster that the flags and the environment mean; throws a UserError when there is none. */
export async function openCluster(
  flags: ClusterFlags,
  { env, log }: { readonly env: NodeJS.ProcessEnv; readonly log: Logger },
): Promise<ClusterAccess> {
  const kubeconfig = flags.kubeconfig ?? (await localKubeconfig(flags, env))
  const connection = await loadConnection({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(flags.context !== undefined && { context: flags.context }),
    env,
    log,
  })
  return new ClusterAccess(connection, { log })
}

async function localKubeconfig(
  { dataDir }: ClusterFlags,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (dataDir === undefined && env['KUBECONFIG']) return undefined
  const dir = dataDirOf(dataDir, env)
  const isNamed = dataDir !== undefined
  return isNamed || (await findRunning(dir)) ? dir.kubeconfig : undefined
}
