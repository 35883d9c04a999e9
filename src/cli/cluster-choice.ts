// SPDX-License-Identifier: Apache-2.0
// Which cluster a command means: the kubeconfig that is named, that of $KUBECONFIG, the cluster that `up`
// runs on this machine, or ~/.kube/config.
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isInCluster } from '../kube/in-cluster.ts'
import { loadConnection } from '../kube/kubeconfig.ts'
import type { Logger } from '../util/logger.ts'
import { UserError } from '../util/vk-error.ts'
import { ClusterAccess } from './cluster-access.ts'
import { dataDirOf, findRunning, lastPort, upCommand } from './data-dir.ts'

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
  if (kubeconfig === undefined && !(await hasCluster(env))) {
    throw new UserError('Cannot find a cluster: none runs here, and there is no kubeconfig', {
      hint: 'Start one with `virtual-kubelet up`, or name a kubeconfig with --kubeconfig or KUBECONFIG.',
    })
  }
  await refuseEnded(kubeconfig ?? env['KUBECONFIG'] ?? '', env)
  const connection = await loadConnection({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(flags.context !== undefined && { context: flags.context }),
    env,
    log,
  })
  return new ClusterAccess(connection, { log })
}

/** Is there any of the places that `loadConnection` looks at? */
async function hasCluster(env: NodeJS.ProcessEnv): Promise<boolean> {
  if (env['KUBECONFIG'] || isInCluster(env)) return true
  return await access(join(env['HOME'] ?? homedir(), '.kube', 'config')).then(
    () => true,
    () => false,
  )
}

/** A kubeconfig that `up` has written leads nowhere once its cluster has ended. */
async function refuseEnded(kubeconfig: string, env: NodeJS.ProcessEnv): Promise<void> {
  const dir = dataDirOf(dirname(resolve(kubeconfig)), env)
  if (resolve(kubeconfig) !== dir.kubeconfig || (await lastPort(dir)) === undefined) return
  if ((await findRunning(dir)) !== undefined) return
  throw new UserError(`Cannot reach the cluster in "${dir.path}": it does not run`, {
    hint: `Start it with \`${upCommand(dir, env)}\`.`,
  })
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
