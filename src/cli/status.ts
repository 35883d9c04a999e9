// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet status`: whether a cluster runs here, its nodes, and how its pods are.
import { loadConnection } from '../kube/kubeconfig.ts'
import type { KubeClient } from '../kube/kube-client.ts'
import { nodes as nodeResource, pods as podResource } from '../kube/resources.ts'
import type { Node, Pod } from '../kube/types.gen.ts'
import { createPinoLogger } from '../observe/pino-logger.ts'
import type { Resource } from '../kube/resources.ts'
import { systemClock } from '../util/clock.ts'
import { ClusterAccess } from './cluster-access.ts'
import { dataDirOf, findRunning, upCommand } from './data-dir.ts'
import type { DataDir } from './data-dir.ts'
import { inOwnWords } from './own-words.ts'
import type { RunningCluster } from './running-cluster.ts'
import { durationText, textTable } from './text-table.ts'

/** Flags of `status`. */
export interface StatusFlags {
  readonly dataDir?: string
  readonly output: 'text' | 'json'
}

interface Report {
  readonly isRunning: boolean
  readonly dataDir: string
  readonly kubeconfig?: string
  readonly server?: string
  readonly pid?: number
  readonly startedAt?: string
  readonly nodes?: readonly NodeReport[]
}

interface NodeReport {
  readonly name: string
  readonly ready: boolean
  readonly message: string | null
  /** Pods on it by phase. */
  readonly pods: Readonly<Record<string, number>>
}

/** Prints the status; resolves with 0 when a cluster runs, else 1. */
export async function status({ dataDir, output }: StatusFlags): Promise<number> {
  const dir = dataDirOf(dataDir, process.env)
  const running = await findRunning(dir)
  const report = running ? await reportOf(dir, running) : { isRunning: false, dataDir: dir.path }
  const text =
    output === 'json'
      ? JSON.stringify(report, undefined, 2)
      : inWords(report, { running, dir }).join('\n')
  process.stdout.write(`${inOwnWords(text)}\n`)
  return report.isRunning ? 0 : 1
}

async function reportOf(dir: DataDir, running: RunningCluster): Promise<Report> {
  const { kubeconfig } = dir
  const log = createPinoLogger({ level: 'error', format: 'text' })
  const connection = await loadConnection({ kubeconfig, env: {}, log })
  await using access = new ClusterAccess(connection, { log })
  const [nodes, pods] = await Promise.all([
    listAll(access.client, nodeResource),
    listAll(access.client, podResource),
  ])
  const { server, pid, startedAt } = running
  return {
    isRunning: true,
    dataDir: dir.path,
    kubeconfig,
    server,
    pid,
    startedAt,
    nodes: nodes.map((node) => nodeReport(node, pods)),
  }
}

async function listAll<T>(client: KubeClient, resource: Resource<T>): Promise<readonly T[]> {
  const all: T[] = []
  let next: string | undefined
  do {
    const page = await client.list(resource, next === undefined ? {} : { continue: next })
    all.push(...page.items)
    next = page.continue
  } while (next !== undefined)
  return all
}

function nodeReport({ metadata, status: state }: Node, pods: readonly Pod[]): NodeReport {
  const ready = state?.conditions?.find(({ type }) => type === 'Ready')
  const counts: Record<string, number> = {}
  for (const pod of pods) {
    if (pod.spec.nodeName !== metadata.name) continue
    const phase = pod.status?.phase ?? 'Pending'
    counts[phase] = (counts[phase] ?? 0) + 1
  }
  const isReady = ready?.status === 'True'
  return {
    name: metadata.name,
    ready: isReady,
    message: isReady ? null : (ready?.message ?? null),
    pods: counts,
  }
}

function inWords(
  report: Report,
  { running, dir }: { readonly running: RunningCluster | undefined; readonly dir: DataDir },
): readonly string[] {
  if (!running) {
    const start = `Start one with \`${upCommand(dir, process.env)}\`.`
    return [`No cluster runs in ${report.dataDir}`, start]
  }
  const age = durationText(systemClock.nowMs() - Date.parse(running.startedAt))
  const rows = (report.nodes ?? []).map(({ name, ready, message, pods }) => [
    name,
    ready ? 'Ready' : `NotReady${message === null ? '' : `: ${message}`}`,
    Object.entries(pods)
      .map(([phase, count]) => `${count} ${phase}`)
      .join(', ') || 'none',
  ])
  return [
    `${running.server} is up for ${age} (process ${running.pid}, provider ${running.provider})`,
    `export KUBECONFIG=${report.kubeconfig ?? ''}`,
    '',
    ...textTable([['NODE', 'STATUS', 'PODS'], ...rows]),
  ]
}
