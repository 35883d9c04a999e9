// SPDX-License-Identifier: Apache-2.0
//
// Runs groups of cases on a cluster with three nodes and collects what kubectl had to say, normalised.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../cluster.ts'
import { eventually } from '../eventually.ts'
import { findKubectl } from '../find-kubectl.ts'
import { normaliseOutcome } from './normalise.ts'
import { caseId, splitArgs } from './parity-case.ts'
import type { Outcome, ParityCase, ParityGroup } from './parity-case.ts'
import { runCommandLine } from './run-command-line.ts'

/** Outcomes by the case's id. */
export type Outcomes = Readonly<Record<string, Outcome>>

/**
 * The nodes that the cases expect: `mock-node` takes every pod; `spare-node` (mock) and `process-node`, which runs
 * host processes, only those that tolerate their taint.
 */
export async function startParityNodes(cluster: Cluster): Promise<void> {
  await Promise.all([
    cluster.startVirtualKubelet(['--provider', 'mock', '--disable-taint'], {
      nodeName: 'mock-node',
    }),
    cluster.startVirtualKubelet(['--provider', 'mock'], { nodeName: 'spare-node' }),
    cluster.startVirtualKubelet(['--provider', 'process'], { nodeName: 'process-node' }),
  ])
}

/** Runs all cases of a group, each after the one before. */
export async function runGroup(cluster: Cluster, group: ParityGroup): Promise<Outcomes> {
  const namespace = `parity-${group.name}`
  const folder = join(cluster.files.folder, 'parity', group.name)
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(group.files ?? {})) {
    writeFileSync(join(folder, name), text.replaceAll(/\bNS\b/g, namespace), { mode: 0o755 })
  }
  const run = async (one: ParityCase): Promise<Outcome> => {
    const args = splitArgs(one.run.replaceAll(/\bNS\b/g, namespace))
    const place = { folder, namespace, kubeconfig: cluster.kubeconfig }
    return await runCommandLine(findKubectl(), args, one, place)
  }
  const prepare = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) {
      const { code, stderr } = await run({ run: line })
      if (code !== 0) throw new Error(`Cannot prepare '${group.name}' by '${line}': ${stderr}`)
    }
  }
  await prepare([`create namespace ${namespace}`])
  await untilFurnished(cluster, namespace)
  await prepare(group.setup ?? [])
  const outcomes: Record<string, Outcome> = {}
  const names = { namespace, folder, server: cluster.server }
  for (const one of group.cases) {
    await prepare(one.after ?? [])
    outcomes[caseId(group, one)] = normaliseOutcome(await settled(one, run), one, names)
  }
  return outcomes
}

/** Pods are refused until the namespace has its service account. */
async function untilFurnished(cluster: Cluster, namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}`
  await eventually(
    async () => {
      await cluster.api('GET', `${path}/serviceaccounts/default`)
      return await cluster.api('GET', `${path}/configmaps/kube-root-ca.crt`)
    },
    { what: `the furniture of namespace ${namespace}` },
  )
}

/** The outcome once it is as awaited; the last one when it never is, to be shown as a difference. */
async function settled(
  one: ParityCase,
  run: (one: ParityCase) => Promise<Outcome>,
): Promise<Outcome> {
  const { until } = one
  let last = await run(one)
  if (until === undefined || until.test(last.stdout)) return last
  try {
    await eventually(
      async () => {
        last = await run(one)
        return until.test(last.stdout)
      },
      { what: one.run, intervalMs: 300 },
    )
  } catch {
    // Not as awaited: the comparison shows how.
  }
  return last
}
