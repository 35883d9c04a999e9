// SPDX-License-Identifier: Apache-2.0
// `kubectl get` of what metrics.k8s.io knows. `kubectl top` makes tables of its own.
import { add, format, parseQuantity } from '../../util/quantity.ts'
import { column, nameColumn, type Named, printerFor } from './table-columns.ts'
import type { TableColumn, TablePrinter } from './table-printer.ts'

type Usage = Readonly<Record<string, string>>

const columns: readonly TableColumn[] = [
  nameColumn,
  column('cpu'),
  column('memory'),
  column('Window'),
]

export const nodeMetricsPrinter: TablePrinter = printerFor<
  Named & { readonly usage?: Usage; readonly window?: string }
>(columns, ({ metadata, usage, window = '' }) => [
  metadata.name,
  usage?.['cpu'] ?? '0',
  usage?.['memory'] ?? '0',
  window,
])

interface PodMetrics extends Named {
  readonly containers?: readonly { readonly usage?: Usage }[]
  readonly window?: string
}

export const podMetricsPrinter: TablePrinter = printerFor<PodMetrics>(
  columns,
  ({ metadata, containers = [], window = '' }) => {
    const sumOf = (name: string): string => {
      const amounts = containers.map(({ usage }) => parseQuantity(usage?.[name] ?? '0'))
      return amounts.length === 0 ? '0' : format(amounts.reduce(add))
    }
    return [metadata.name, sumOf('cpu'), sumOf('memory'), window]
  },
)
