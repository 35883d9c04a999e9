// SPDX-License-Identifier: Apache-2.0
// What comes in over TLS lies outside of V8's heap, 16 KiB for each record, while the objects that hold it
// are small: V8's limit for memory is reached long before its young generation is full, and it then marks
// the whole heap, ten times a second at 1 GB/s. Collecting the young generation in time, in a fraction of a
// millisecond, frees the same memory.
import { collectGarbage } from './collector.ts'

/** V8 counts such memory since it last marked: after a pause, when the heap is small, it may bear 8 MiB of it. */
const collectEvery = 4 * 1024 * 1024

let sinceBytes = 0

/** So many bytes outside of V8's heap were taken, to be dropped soon. */
export function noteForeignMemory(byteCount: number): void {
  sinceBytes += byteCount
  if (sinceBytes < collectEvery) return
  sinceBytes = 0
  collectGarbage('minor')
}
