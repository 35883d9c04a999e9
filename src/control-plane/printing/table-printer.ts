// SPDX-License-Identifier: Apache-2.0
// The contract of the tables that `kubectl get` shows: a kind has columns and makes a row of an object.
import type { KubeObject } from '../objects/kube-object.ts'

/** A column as the API describes it; priority 0 is always shown, 1 with `-o wide`. */
export interface TableColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean' | 'date'
  readonly format: '' | 'name'
  readonly description: string
  readonly priority: number
}

/** What a column's cell may hold. */
export type TableCell = string | number | boolean

/** What clients may hide a row for. */
export interface RowCondition {
  readonly type: 'Completed'
  readonly status: 'True'
  readonly reason: string
  readonly message: string
}

/** How objects of one kind are printed. */
export interface TablePrinter {
  readonly columns: readonly TableColumn[]
  /** One cell for each column. Ages count up to `nowMs`. */
  readonly row: (object: KubeObject, nowMs: number) => readonly TableCell[]
  readonly conditions?: (object: KubeObject) => readonly RowCondition[]
}
