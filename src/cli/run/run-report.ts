// SPDX-License-Identifier: Apache-2.0
// What is said at the end of a run: a table for people, one JSON document for machines.
import { textTable, wholeSecondsText } from '../text-table.ts'
import type { RunView } from './judge-run.ts'
import type { PodView } from './pod-view.ts'

/** How a run ended. */
export type RunOutcome = 'succeeded' | 'failed' | 'stopped' | 'timed-out'

/** The table of pods, without a pod there is none. */
export function summaryTable({ pods }: RunView): readonly string[] {
  if (pods.length === 0) return []
  const hasNamespaces = new Set(pods.map(({ namespace }) => namespace)).size > 1
  const head = ['POD', 'NODE', 'PHASE', 'EXIT CODE', 'RESTARTS', 'QUEUE TIME', 'RUN TIME']
  const rows = pods.map((pod) => [
    hasNamespaces ? `${pod.namespace}/${pod.name}` : pod.name,
    pod.node ?? '-',
    phaseOf(pod),
    pod.exitCode === undefined ? '-' : String(pod.exitCode),
    String(pod.restarts),
    wholeSecondsText(pod.queueMs),
    wholeSecondsText(pod.runMs),
  ])
  return textTable([head, ...rows])
}

/** One line for each workload that failed, with its reason. */
export function failureLines({ workloads, pods }: RunView): readonly string[] {
  return workloads
    .filter(({ state }) => state === 'failed')
    .map(({ title, uid, message }) => {
      const own = pods.find(({ rootUid, message: why }) => rootUid === uid && why !== undefined)
      const why = message ?? own?.message
      return `${title} failed${why === undefined || why === '' ? '' : `: ${why}`}`
    })
}

/** The document of `-o json`. Times are in seconds. */
export function reportDocument(view: RunView, outcome: RunOutcome): object {
  return {
    outcome,
    workloads: view.workloads.map(({ uid: _uid, ...workload }) => withNulls(workload)),
    pods: view.pods.map((pod) =>
      withNulls({
        namespace: pod.namespace,
        name: pod.name,
        workload: view.workloads.find(({ uid }) => uid === pod.rootUid)?.title,
        node: pod.node,
        phase: pod.phase,
        exitCode: pod.exitCode,
        restarts: pod.restarts,
        queueSeconds: seconds(pod.queueMs),
        runSeconds: seconds(pod.runMs),
        message: pod.message,
      }),
    ),
  }
}

function phaseOf({ phase, status, hasEnded, isGone }: PodView): string {
  if (hasEnded || phase === 'Running' || !isGone) return phase
  return status
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms / 100) / 10
}

/** JSON has no undefined: a field that is not known is null, so that every entry has the same fields. */
function withNulls(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value ?? null]))
}
