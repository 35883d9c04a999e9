// SPDX-License-Identifier: Apache-2.0
// A run that failed is cleaned up, and its end says nothing of why: a pod that never started is shown as
// one that was lost. What was known at the verdict is what a person has to read.
import type { RunView } from './judge-run.ts'

/** The view after clean-up, with the reasons of the verdict. */
export function keepVerdict(view: RunView, verdict: RunView | undefined): RunView {
  if (verdict?.outcome !== 'failed') return view
  const failed = new Map(
    verdict.workloads.filter(({ state }) => state === 'failed').map((one) => [one.uid, one]),
  )
  const stuck = new Map(verdict.pods.filter(({ isStuck }) => isStuck).map((one) => [one.uid, one]))
  return {
    ...view,
    outcome: 'failed',
    workloads: view.workloads.map((one) => failed.get(one.uid) ?? one),
    pods: view.pods.map((one) => stuck.get(one.uid) ?? one),
  }
}
