// SPDX-License-Identifier: Apache-2.0
// What comes in over TLS lies outside of V8's heap, 16 KiB for each record, while the objects that hold it
// are small: V8's limit for memory outside of its heap is reached long before its young generation is
// full, and it then marks the whole heap, ten times a second at 1 GB/s. Collecting the young
// generation in time, in well under a millisecond, frees the same memory.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A quarter of V8's limit. */
const collectEvery = 16 * 1024 * 1024

type Collect = (options: { readonly type: 'minor' }) => void

let collect: Collect | undefined
let sinceBytes = 0

/** So many bytes outside of V8's heap were taken, to be dropped soon. */
export function noteForeignMemory(byteCount: number): void {
  sinceBytes += byteCount
  if (sinceBytes < collectEvery) return
  sinceBytes = 0
  collect ??= openCollector()
  collect({ type: 'minor' })
}

/** V8 hands out its collector only by a flag, and that only to contexts that are made later. */
function openCollector(): Collect {
  setFlagsFromString('--expose-gc')
  const found = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return found
}
