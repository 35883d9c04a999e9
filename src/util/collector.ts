// SPDX-License-Identifier: Apache-2.0
// V8's garbage collector, to be called where V8 itself cannot know that now is the time.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

interface Collection {
  readonly type: 'minor' | 'major'
  /** Without it V8 keeps all pages, for the next burst. */
  readonly flavor?: 'last-resort'
}

type Collect = (options: Collection) => void

let collect: Collect | undefined

/**
 * Threads that help with a young generation. Of one that is collected in time there is little to do: on a busy
 * machine the wait for them takes longer than all of the work.
 */
const helpers = ['parallel-scavenge', 'concurrent-array-buffer-sweeping'] as const

/**
 * Collects the young generation (a fraction of a millisecond) or all of the heap (3 ms for each MB that lives), of
 * which what is free then goes back to the system.
 */
export function collectGarbage(type: 'minor' | 'major'): void {
  collect ??= openCollector()
  if (type === 'major') return collect({ type, flavor: 'last-resort' })
  for (const flag of helpers) setFlagsFromString(`--no-${flag}`)
  collect({ type })
  for (const flag of helpers) setFlagsFromString(`--${flag}`)
}

/** V8 hands out its collector only by a flag, and that only to contexts that are made later. */
function openCollector(): Collect {
  setFlagsFromString('--expose-gc')
  const found = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return found
}
