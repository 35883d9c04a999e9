// SPDX-License-Identifier: Apache-2.0
// After a burst of work (hundreds of pods that start) most of V8's heap is garbage, and V8 keeps it for as
// long as nothing needs the room: several times what lives. Once it is quiet the heap is collected, once
// for each burst.
import type { Clock } from './clock.ts'
import { collectGarbage } from './collector.ts'

export interface QuietCollectionOptions {
  readonly clock: Clock
  /** Bytes that V8 holds; default: of this process. */
  readonly heapBytes?: () => number
  /** CPU time that this process has used since the call before, as a share of the time. */
  readonly busyShare?: () => number
  /** Collects the whole heap. */
  readonly collect?: () => void
}

const lookEveryMs = 10_000
const quietShare = 0.2
/** The young generation alone comes and goes by 32 MiB. */
const leastGrowth = 48 * 1024 * 1024

/** Collects when it is quiet and worth it, until disposed of. */
export function collectWhenQuiet(options: QuietCollectionOptions): Disposable {
  const {
    clock,
    heapBytes = () => process.memoryUsage().heapTotal,
    busyShare = measureBusyShare(clock),
    collect = () => collectGarbage('major'),
  } = options
  let afterLast = heapBytes()
  let timer: Disposable | undefined
  const look = (): void => {
    timer = clock.setTimer(lookEveryMs, look)
    const isQuiet = busyShare() < quietShare
    const bytes = heapBytes()
    afterLast = Math.min(afterLast, bytes)
    if (!isQuiet || !isWorthwhile(bytes, afterLast)) return
    collect()
    afterLast = heapBytes()
  }
  timer = clock.setTimer(lookEveryMs, look)
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() }
}

/** Has the heap grown by half, and by more than what is ordinary, since it was collected? */
function isWorthwhile(bytes: number, afterLast: number): boolean {
  return bytes - afterLast > Math.max(leastGrowth, afterLast / 2)
}

function measureBusyShare(clock: Clock): () => number {
  let last = { usage: process.cpuUsage(), atMs: clock.monotonicMs() }
  return () => {
    const { user, system } = process.cpuUsage(last.usage)
    const elapsedMs = clock.monotonicMs() - last.atMs
    last = { usage: process.cpuUsage(), atMs: clock.monotonicMs() }
    return (user + system) / 1000 / elapsedMs
  }
}
