// SPDX-License-Identifier: Apache-2.0
// The pieces that tables of all kinds are made of. Columns have no descriptions: kubectl shows none.
import type { KubeObject } from '../objects/kube-object.ts'
import { asKind } from '../resources/as-kind.ts'
import { ageOf } from './human-duration.ts'
import type { TableCell, TableColumn, TablePrinter } from './table-printer.ts'

/** A column that is always shown. */
export function column(name: string, type: TableColumn['type'] = 'string'): TableColumn {
  return { name, type, format: '', description: '', priority: 0 }
}

/** A column that is shown with `-o wide`. */
export function wideColumn(name: string, type: TableColumn['type'] = 'string'): TableColumn {
  return { ...column(name, type), priority: 1 }
}

export const nameColumn: TableColumn = { ...column('Name'), format: 'name' }
export const ageColumn: TableColumn = column('Age')

/** The columns of kinds that have a pod template. */
export const templateColumns: readonly TableColumn[] = [
  wideColumn('Containers'),
  wideColumn('Images'),
]

/** A printer of one typed kind; whoever registers it vouches for the kind. */
export function printerFor<T>(
  columns: readonly TableColumn[],
  row: (object: T, nowMs: number) => readonly TableCell[],
): TablePrinter {
  return { columns, row: (object: KubeObject, nowMs) => row(asKind<T>(object), nowMs) }
}

/** What all objects have in common. */
export interface Named {
  readonly metadata: { readonly name: string; readonly creationTimestamp?: string }
}

/** How long an object is there. */
export function age({ metadata }: Named, nowMs: number): string {
  return ageOf(metadata.creationTimestamp, nowMs)
}

/** Names and images of a pod template's containers. */
export function templateCells(
  containers: readonly { readonly name: string; readonly image?: string }[] = [],
): readonly [names: string, images: string] {
  return [
    containers.map(({ name }) => name).join(','),
    containers.map(({ image }) => image ?? '').join(','),
  ]
}

/** The first few of a list, and how many more there are. */
export function firstFew(items: readonly string[], whenNone: string): string {
  const shown = items.slice(0, maxShown).join(',')
  if (items.length > maxShown) return `${shown} + ${items.length - maxShown} more...`
  return shown === '' ? whenNone : shown
}

const maxShown = 3
