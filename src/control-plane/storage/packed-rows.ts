// SPDX-License-Identifier: Apache-2.0
// Rows on their way between threads: the bytes of all of them in one block, which is handed over
// without a copy.
import type { JournalRow } from './journal.ts'

interface PackedRow extends Omit<JournalRow, 'json'> {
  readonly length: number
}

export interface PackedRows {
  readonly rows: readonly PackedRow[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Copies the bytes of `rows` into a new block; pass `bytes.buffer` as what to transfer. */
export function packRows(rows: readonly JournalRow[]): PackedRows {
  const bytes = new Uint8Array(rows.reduce((sum, { json }) => sum + json.length, 0))
  let offset = 0
  const packed = rows.map(({ json, ...row }) => {
    bytes.set(json, offset)
    offset += json.length
    return { ...row, length: json.length }
  })
  return { rows: packed, bytes }
}

/** The rows again; their `json` are views of the one block. */
export function unpackRows({ rows, bytes }: PackedRows): JournalRow[] {
  let offset = 0
  return rows.map(({ length, ...row }) => {
    const json = bytes.subarray(offset, offset + length)
    offset += length
    return { ...row, json }
  })
}
