// SPDX-License-Identifier: Apache-2.0
// The folder of the cluster that `up` runs: where it is, what lies in it, and whether a process runs it.
import { chmod, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { lockHolder } from '../util/dir-lock.ts'
import { runningClusterSchema } from './running-cluster.ts'
import type { RunningCluster } from './running-cluster.ts'
import { shellWord } from './shell-word.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Paths below the data directory. */
export interface DataDir {
  readonly path: string
  /** For people and kubectl: the administrator of the cluster. */
  readonly kubeconfig: string
  /** What the control plane stores: objects, certificate authority. */
  readonly controlPlane: string
  /** State of the nodes and their pods. */
  readonly nodes: string
}

/** The data directory: the flag's, $VK_DATA_DIR, or the user's own state directory. */
export function dataDirOf(flag: string | undefined, env: Env): DataDir {
  const path = resolve(flag ?? (env['VK_DATA_DIR'] || defaultDataDir(env)))
  return {
    path,
    kubeconfig: join(path, 'kubeconfig'),
    controlPlane: join(path, 'control-plane'),
    nodes: join(path, 'nodes'),
  }
}

/** Where the data directory is when nobody names one, in words for `--help`. */
export const defaultDataDirText =
  '$VK_DATA_DIR, else ~/.local/state/virtual-kubelet/cluster; for root /var/lib/virtual-kubelet-cluster'

function defaultDataDir(env: Env): string {
  if (process.getuid?.() === 0) return '/var/lib/virtual-kubelet-cluster'
  const state = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state')
  return join(state, 'virtual-kubelet', 'cluster')
}

/** The command that starts a cluster there, for hints. */
export function upCommand({ path }: DataDir, env: Env): string {
  const isUsual = path === dataDirOf(undefined, env).path
  return isUsual ? 'virtual-kubelet up' : `virtual-kubelet up --data-dir ${shellWord(path)}`
}

/**
 * Lets root's pods, which run as other users, pass through to their own files. All else in the directory
 * has modes of its own.
 */
export async function letPodsPass({ path }: DataDir): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { mode } = await stat(path)
  await chmod(path, (mode & 0o7777) | 0o011)
}

/** The cluster that runs there; undefined when no living process holds the directory. */
export async function findRunning(dir: DataDir): Promise<RunningCluster | undefined> {
  const pid = await lockHolder(dir.path)
  if (pid === undefined) return undefined
  const running = await readRunning(dir)
  // The file of an earlier process says nothing about the one that is just starting.
  return running?.pid === pid ? running : undefined
}

/** The port of the cluster that ran there last; undefined when none ever did. */
export async function lastPort(dir: DataDir): Promise<number | undefined> {
  const { server } = (await readRunning(dir)) ?? {}
  return server !== undefined && URL.canParse(server) ? Number(new URL(server).port) : undefined
}

/** Says that this process runs the cluster, for other commands. */
export async function writeRunning(dir: DataDir, running: RunningCluster): Promise<void> {
  const path = runningFile(dir)
  await writeFile(`${path}.tmp`, `${JSON.stringify(running, undefined, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}

async function readRunning(dir: DataDir): Promise<RunningCluster | undefined> {
  try {
    const result = v.safeParse(
      runningClusterSchema,
      JSON.parse(await readFile(runningFile(dir), 'utf8')),
    )
    return result.success ? result.output : undefined
  } catch {
    // Not there yet, or cut by a crash: the lock alone is believed.
    return undefined
  }
}

function runningFile({ path }: DataDir): string {
  return join(path, 'running.json')
}
