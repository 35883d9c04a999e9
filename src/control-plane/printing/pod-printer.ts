// SPDX-License-Identifier: Apache-2.0
// `kubectl get pods`.
import type { Pod } from '../../kube/types.gen.ts'
import { asKind } from '../resources/as-kind.ts'
import { summarizePod } from './pod-summary.ts'
import { age, ageColumn, column, nameColumn, printerFor, wideColumn } from './table-columns.ts'
import type { RowCondition, TablePrinter } from './table-printer.ts'

const cellPrinter = printerFor<Pod>(
  [
    nameColumn,
    column('Ready'),
    column('Status'),
    column('Restarts'),
    ageColumn,
    wideColumn('IP'),
    wideColumn('Node'),
    wideColumn('Nominated Node'),
    wideColumn('Readiness Gates'),
  ],
  (pod, nowMs) => {
    const { ready, state, restarts } = summarizePod(pod, nowMs)
    return [
      pod.metadata.name,
      ready,
      state,
      restarts,
      age(pod, nowMs),
      pod.status?.podIPs?.[0]?.ip || '<none>',
      pod.spec.nodeName || '<none>',
      pod.status?.nominatedNodeName || '<none>',
      readinessGates(pod),
    ]
  },
)

export const podPrinter: TablePrinter = {
  ...cellPrinter,
  conditions: (object) => completions.get(asKind<Pod>(object).status?.phase ?? '') ?? [],
}

const completions: ReadonlyMap<string, readonly RowCondition[]> = new Map([
  ['Succeeded', [completed('Succeeded', 'The pod has completed successfully.')]],
  ['Failed', [completed('Failed', 'The pod failed.')]],
])

function completed(reason: string, message: string): RowCondition {
  return { type: 'Completed', status: 'True', reason, message }
}

/** How many of the gates are open: `1/2`. */
function readinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const open = gates.filter(({ conditionType }) => {
    const condition = status?.conditions?.find(({ type }) => type === conditionType)
    return condition?.status === 'True'
  })
  return `${open.length}/${gates.length}`
}
