// SPDX-License-Identifier: Apache-2.0
// `kubectl get pods`.
import type { Pod } from '../../kube/types.gen.ts'
import { summarizePod } from './pod-summary.ts'
import { age, ageColumn, column, nameColumn, printerFor, wideColumn } from './table-columns.ts'
import type { TablePrinter } from './table-printer.ts'

export const podPrinter: TablePrinter = printerFor<Pod>(
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
